// Arrow arrays of fixed-size lists of floats, as pyarrow, polars and nanoarrow hold embeddings:
// https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "array_checks.hpp"
#include "array_import.hpp"
#include "arrow_abi.hpp"

namespace rankme::bindings {

namespace {

template <class T>
T& in_capsule(py::handle capsule, const char* kind, const std::string& name) {
  void* found = nullptr;
  if (PyCapsule_IsValid(capsule.ptr(), kind) != 0) {
    found = PyCapsule_GetPointer(capsule.ptr(), kind);
  }
  if (found == nullptr) {
    throw py::type_error(name + " gave no Arrow capsule '" + kind + "', but " + type_name(capsule));
  }
  T& held = *static_cast<T*>(found);
  if (held.release == nullptr) throw py::value_error(name + " gave a released '" + kind + "'");
  return held;
}

[[noreturn]] void refuse_arrow(const std::string& name, const std::string& why) {
  throw py::value_error(name + " is an Arrow array that contradicts itself: " + why);
}

// Arrow's words for what is refused, from the first letters of its format strings.
std::string kind_of(std::string_view format) {
  if (format.starts_with("+s")) {
    return "a table or struct: pass the one column of it that holds vectors";
  }
  if (format.starts_with("+l") || format.starts_with("+L") || format.starts_with("+v")) {
    return "lists of varying length";
  }
  return "type '" + std::string(format) + "'";
}

std::optional<DType> dtype_of(std::string_view format) {
  if (format == "e") return DType::float16;
  if (format == "f") return DType::float32;
  if (format == "g") return DType::float64;
  return std::nullopt;
}

std::int64_t list_size(std::string_view format, const std::string& name) {
  format.remove_prefix(3);
  std::int64_t size = -1;
  const auto [end, error] = std::from_chars(format.data(), format.data() + format.size(), size);
  if (error != std::errc() || end != format.data() + format.size() || size < 0) {
    refuse_arrow(name, "fixed-size lists of size '" + std::string(format) + "'");
  }
  return size;
}

// One level of nesting: entries [begin, begin + count) of `array` as its parent sees it, `in_row`
// of them for each row of the whole.
struct Level {
  const arrow::Schema* schema;
  const arrow::Array* array;
  std::int64_t begin;
  std::int64_t count;
  std::int64_t in_row;
};

// The bitmap has a 1 for each entry that is there.
void refuse_nulls(const Level& level, const std::string& name) {
  const arrow::Array& array = *level.array;
  if (array.null_count == 0 || level.count == 0) return;
  const auto* bitmap = static_cast<const unsigned char*>(array.buffers[0]);
  if (bitmap == nullptr) {
    if (array.null_count > 0) refuse_arrow(name, "nulls without a bitmap");
    return;
  }
  for (std::int64_t i = 0; i < level.count; ++i) {
    const std::int64_t bit = array.offset + level.begin + i;
    if ((bitmap[bit / 8] >> (bit % 8) & 1) == 0) {
      throw py::value_error(name + " has a null in row " + std::to_string(i / level.in_row) +
                            "; drop such rows, or fill their values, first");
    }
  }
}

void check_level(const Level& level, const std::string& name) {
  const arrow::Array& array = *level.array;
  std::int64_t stored = 0;
  std::int64_t end = 0;
  if (array.length < 0 || array.offset < 0 ||
      __builtin_add_overflow(array.offset, array.length, &stored)) {
    refuse_arrow(name, "a negative or overflowing length or offset");
  }
  if (__builtin_add_overflow(level.begin, level.count, &end) || end > array.length) {
    refuse_arrow(name, "lists that reach beyond their values");
  }
  const bool list = std::string_view(level.schema->format).starts_with("+");
  if (array.n_buffers != (list ? 1 : 2) || array.buffers == nullptr) {
    refuse_arrow(name, std::to_string(array.n_buffers) + " buffers");
  }
}

Level child_of(const Level& level, std::int64_t size, const std::string& name) {
  const arrow::Schema& schema = *level.schema;
  const arrow::Array& array = *level.array;
  if (schema.n_children != 1 || array.n_children != 1 || schema.children == nullptr ||
      array.children == nullptr || schema.children[0] == nullptr || array.children[0] == nullptr) {
    refuse_arrow(name, "lists without their one child");
  }
  Level child{schema.children[0], array.children[0], 0, 0, 0};
  if (__builtin_mul_overflow(array.offset + level.begin, size, &child.begin) ||
      __builtin_mul_overflow(level.count, size, &child.count) ||
      __builtin_mul_overflow(level.in_row, size, &child.in_row)) {
    refuse_arrow(name, "more values than 64 bits can count");
  }
  return child;
}

// Metadata are a count of pairs, and each half of a pair is a length and so many characters.
bool is_extension(const char* metadata) {
  if (metadata == nullptr) return false;
  const auto number = [&] {
    std::int32_t value = 0;
    std::memcpy(&value, metadata, sizeof value);
    metadata += sizeof value;
    return value;
  };
  const auto text = [&]() -> std::string_view {
    const std::int32_t length = std::max(number(), 0);
    metadata += length;
    return {metadata - length, static_cast<std::size_t>(length)};
  };
  for (std::int32_t pairs = number(); pairs > 0; --pairs) {
    if (text() == "ARROW:extension:name") return true;
    text();
  }
  return false;
}

void check_schema(const arrow::Schema& schema, const std::string& name) {
  if (schema.format == nullptr) refuse_arrow(name, "no format");
  // What an extension means by its storage only its library knows: tensors of several axes, say.
  if (is_extension(schema.metadata)) {
    throw py::type_error(name +
                         " is an Arrow extension array; pass its storage if that holds the "
                         "rows (" +
                         name + ".storage in pyarrow)");
  }
  if (schema.dictionary != nullptr) throw py::type_error(name + " is dictionary-encoded");
}

// From the rows down to their values; each level is held against the one above.
std::vector<Level> levels_of(const arrow::Schema& schema, const arrow::Array& array,
                             const std::string& name) {
  std::vector<Level> levels{{&schema, &array, 0, array.length, 1}};
  for (;;) {
    check_schema(*levels.back().schema, name);
    const std::string_view format = levels.back().schema->format;
    const bool values = dtype_of(format).has_value();
    if (!values && !format.starts_with("+w:")) {
      throw py::type_error(
          name + " is an Arrow array of " + kind_of(format) +
          "; wanted are fixed-size lists of float16, float32 or float64, the rows");
    }
    check_level(levels.back(), name);
    if (values) return levels;
    if (levels.size() == max_ndim) refuse_arrow(name, "lists nested without end");
    levels.push_back(child_of(levels.back(), list_size(format, name), name));
  }
}

// The caller keeps schema and array alive while it uses the view.
ArrayView view_of(const arrow::Schema& schema, const arrow::Array& array, const std::string& name) {
  const std::vector<Level> levels = levels_of(schema, array, name);
  ArrayView view;
  view.shape.push_back(array.length);
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    view.shape.push_back(list_size(levels[i].schema->format, name));
  }
  const Level& last = levels.back();
  view.dtype = *dtype_of(last.schema->format);
  if (last.array->buffers[1] != nullptr) {
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(last.array->offset + last.begin, item_size(view.dtype), &bytes)) {
      refuse_arrow(name, "an offset beyond 64 bits");
    }
    const auto values = reinterpret_cast<std::uintptr_t>(last.array->buffers[1]);
    view.data = reinterpret_cast<const std::byte*>(values + static_cast<std::uintptr_t>(bytes));
  }
  view = checked(std::move(view), name);
  // Last, when the levels agree on how far their bitmaps reach.
  for (const Level& level : levels) refuse_nulls(level, name);
  return view;
}

// What a stream hands out, released when it goes.
struct Chunk {
  arrow::Schema schema{};
  arrow::Array array{};
  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() {
    if (array.release != nullptr) array.release(&array);
    if (schema.release != nullptr) schema.release(&schema);
  }
};

void require_success(int code, arrow::Stream& stream, const std::string& name) {
  if (code == 0) return;
  const char* why = stream.get_last_error == nullptr ? nullptr : stream.get_last_error(&stream);
  throw py::value_error(name +
                        "'s Arrow stream failed: " + (why == nullptr ? std::strerror(code) : why));
}

}  // namespace

ArrayView view_arrow_array(const py::object& method, const std::string& name) {
  // The capsules release what they hold when they go: they are the owner.
  py::object pair = method();
  if (!PyTuple_Check(pair.ptr()) || PyTuple_GET_SIZE(pair.ptr()) != 2) {
    throw py::type_error(name + ".__arrow_c_array__() must return a pair of capsules, not " +
                         type_name(pair));
  }
  const auto& schema =
      in_capsule<arrow::Schema>(PyTuple_GET_ITEM(pair.ptr(), 0), "arrow_schema", name);
  const auto& array =
      in_capsule<arrow::Array>(PyTuple_GET_ITEM(pair.ptr(), 1), "arrow_array", name);
  ArrayView view = view_of(schema, array, name);
  view.owner = std::move(pair);
  return view;
}

ArrayView view_arrow_stream(const py::object& method, const std::string& name) {
  const py::object capsule = method();
  auto& stream = in_capsule<arrow::Stream>(capsule, "arrow_array_stream", name);
  if (stream.get_schema == nullptr || stream.get_next == nullptr) {
    refuse_arrow(name, "a stream without functions");
  }
  auto chunk = std::make_unique<Chunk>();
  require_success(stream.get_schema(&stream, &chunk->schema), stream, name);
  check_schema(chunk->schema, name);
  require_success(stream.get_next(&stream, &chunk->array), stream, name);
  if (chunk->array.release == nullptr) {
    throw py::value_error(name + " is an Arrow stream without any chunk, so it has no rows");
  }
  Chunk second;
  require_success(stream.get_next(&stream, &second.array), stream, name);
  if (second.array.release != nullptr) {
    throw py::value_error(name +
                          " lies in several chunks, which no single array can show; give them one "
                          "by one to an Accumulator, or join them: combine_chunks() in pyarrow, "
                          "rechunk() in polars");
  }
  ArrayView view = view_of(chunk->schema, chunk->array, name);
  Chunk* held = chunk.get();
  view.owner = py::capsule(held, [](void* p) { delete static_cast<Chunk*>(p); });
  chunk.release();
  return view;
}

}  // namespace rankme::bindings
