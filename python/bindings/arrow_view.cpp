// Arrow arrays of fixed-size lists of floats, as pyarrow, polars and nanoarrow hold embeddings:
// https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
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
  if (format.starts_with("+s")) return "a table or struct";
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

// Looks at [begin, begin + count) of an array whose bitmap has a 1 for each value that is there.
void refuse_nulls(const arrow::Array& array, std::int64_t begin, std::int64_t count,
                  const std::string& name) {
  if (array.null_count == 0 || count == 0) return;
  const auto* bitmap = static_cast<const unsigned char*>(array.buffers[0]);
  if (bitmap == nullptr) {
    if (array.null_count > 0) refuse_arrow(name, "nulls without a bitmap");
    return;
  }
  for (std::int64_t i = begin; i < begin + count; ++i) {
    if ((bitmap[i / 8] >> (i % 8) & 1) == 0) {
      throw py::value_error(name + " has a null at entry " + std::to_string(i - begin) +
                            " of its " + std::to_string(count) +
                            "; drop such rows or fill their values first");
    }
  }
}

// One level of nesting: entries [begin, begin + count) of `array` as its parent sees it.
struct Level {
  const arrow::Schema* schema;
  const arrow::Array* array;
  std::int64_t begin;
  std::int64_t count;
};

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
  refuse_nulls(array, array.offset + level.begin, level.count, name);
}

Level child_of(const Level& level, std::int64_t size, const std::string& name) {
  const arrow::Schema& schema = *level.schema;
  const arrow::Array& array = *level.array;
  if (schema.n_children != 1 || array.n_children != 1 || schema.children == nullptr ||
      array.children == nullptr || schema.children[0] == nullptr || array.children[0] == nullptr) {
    refuse_arrow(name, "lists without their one child");
  }
  Level child{schema.children[0], array.children[0], 0, 0};
  if (__builtin_mul_overflow(array.offset + level.begin, size, &child.begin) ||
      __builtin_mul_overflow(level.count, size, &child.count)) {
    refuse_arrow(name, "more values than 64 bits can count");
  }
  return child;
}

void check_schema(const arrow::Schema& schema, const std::string& name) {
  if (schema.format == nullptr) refuse_arrow(name, "no format");
  if (schema.dictionary != nullptr) throw py::type_error(name + " is dictionary-encoded");
}

// The caller keeps schema and array alive while it uses the view.
ArrayView view_of(const arrow::Schema& schema, const arrow::Array& array, const std::string& name) {
  ArrayView view;
  Level level{&schema, &array, 0, array.length};
  view.shape.push_back(array.length);
  for (;;) {
    check_schema(*level.schema, name);
    const std::string_view format = level.schema->format;
    if (const auto dtype = dtype_of(format)) {
      view.dtype = *dtype;
      break;
    }
    if (!format.starts_with("+w:")) {
      throw py::type_error(
          name + " is an Arrow array of " + kind_of(format) +
          "; wanted are fixed-size lists of float16, float32 or float64, the rows");
    }
    if (view.shape.size() == max_ndim) refuse_arrow(name, "lists nested without end");
    const std::int64_t size = list_size(format, name);
    check_level(level, name);
    level = child_of(level, size, name);
    view.shape.push_back(size);
  }
  check_level(level, name);
  const void* values = level.array->buffers[1];
  if (values != nullptr) {
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(level.array->offset + level.begin, item_size(view.dtype), &bytes)) {
      refuse_arrow(name, "an offset beyond 64 bits");
    }
    view.data = reinterpret_cast<const std::byte*>(reinterpret_cast<std::uintptr_t>(values) +
                                                   static_cast<std::uintptr_t>(bytes));
  }
  return checked(std::move(view), name);
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
