#include "rankme/widen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "half.hpp"
#include "multiversion.hpp"
#include "rankme/error.hpp"
#include "rankme/parallel.hpp"
#include "stored.hpp"

namespace rankme {

namespace {

// offset_of(i): where entry i stands, in bytes.
template <class T, bool write, class OffsetOf>
std::uint64_t scattered_line(const std::byte* from, OffsetOf offset_of, std::int64_t count,
                             double* to) {
  typename T::Bits largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const typename T::Bits bits = load<T>(from + offset_of(i));
    largest = std::max(largest, static_cast<typename T::Bits>(bits & T::magnitude));
    if constexpr (write) to[i] = T::value(bits);
  }
  return largest;
}

// Multiversioned functions cannot be templates: one a dtype.
#define RANKME_SCAN(T)                                                                        \
  RANKME_MULTIVERSION std::uint64_t scan_line(T, const std::byte* from, std::int64_t count) { \
    return contiguous_line<T, false>(from, count, nullptr);                                   \
  }
#define RANKME_WIDEN(T)                                                                      \
  RANKME_MULTIVERSION std::uint64_t widen_line(T, const std::byte* from, std::int64_t count, \
                                               double* to) {                                 \
    return contiguous_line<T, true>(from, count, to);                                        \
  }
RANKME_SCAN(Float16)
RANKME_SCAN(BFloat16)
RANKME_SCAN(Float32)
RANKME_SCAN(Float64)
RANKME_WIDEN(BFloat16)
RANKME_WIDEN(Float32)
RANKME_WIDEN(Float64)
#undef RANKME_SCAN
#undef RANKME_WIDEN

std::uint64_t widen_line(Float16, const std::byte* from, std::int64_t count, double* to) {
  static const half::Line widen = half::line(half::best_path());
  return widen(from, count, to);
}

template <bool write, class T>
std::uint64_t line(T type, const std::byte* from, std::int64_t count, double* to) {
  if constexpr (write) return widen_line(type, from, count, to);
  return scan_line(type, from, count);
}

template <class Body>
auto with_dtype(DType dtype, Body body) {
  switch (dtype) {
    case DType::float16:
      return body(Float16{});
    case DType::bfloat16:
      return body(BFloat16{});
    case DType::float32:
      return body(Float32{});
    default:
      return body(Float64{});
  }
}

// Lines are what a block is read in: rows of a row-major block, columns of the other. Where rows
// were picked out, either the lines or the entries of each stand at offsets and not at a stride.
struct Lines {
  Lines(const MatrixView& z, Layout layout) : Lines(z, layout == Layout::row_major) {}
  Lines(const MatrixView& z, bool by_rows)
      : data(z.data),
        count(by_rows ? z.rows : z.cols),
        length(by_rows ? z.cols : z.rows),
        step(by_rows ? z.row_stride : z.col_stride),
        stride(by_rows ? z.col_stride : z.row_stride),
        line_offsets(by_rows ? z.row_offsets : nullptr),
        entry_offsets(by_rows ? nullptr : z.row_offsets) {}

  const std::byte* line_at(std::int64_t i) const {
    return data + (line_offsets == nullptr ? i * step : line_offsets[i]);
  }

  // Entries without a gap between them, in lines without one.
  bool contiguous(std::int64_t item) const { return entry_offsets == nullptr && stride == item; }
  bool gapless(std::int64_t item) const {
    return contiguous(item) && line_offsets == nullptr && step == length * item;
  }

  Lines range(std::int64_t begin, std::int64_t end) const {
    Lines part = *this;
    if (line_offsets == nullptr) {
      part.data += begin * step;
    } else {
      part.line_offsets += begin;
    }
    part.count = end - begin;
    return part;
  }

  const std::byte* data;
  std::int64_t count, length, step, stride;
  const std::int64_t *line_offsets, *entry_offsets;
};

template <class T, bool write>
std::uint64_t walk_lines(const Lines& lines, double* out, std::int64_t out_step) {
  constexpr auto size = static_cast<std::int64_t>(sizeof(typename T::Bits));
  // Such lines are one, which spares short ones their ends.
  if (lines.gapless(size) && out_step == lines.length) {
    return line<write>(T{}, lines.data, lines.count * lines.length, out);
  }
  const auto strided = [&](std::int64_t j) { return j * lines.stride; };
  const auto picked = [&](std::int64_t j) { return lines.entry_offsets[j]; };
  const bool contiguous = lines.contiguous(size);
  std::uint64_t largest = 0;
  for (std::int64_t i = 0; i < lines.count; ++i) {
    const std::byte* from = lines.line_at(i);
    double* to = write ? out + i * out_step : nullptr;
    const std::uint64_t found = contiguous ? line<write>(T{}, from, lines.length, to)
                                : lines.entry_offsets == nullptr
                                    ? scattered_line<T, write>(from, strided, lines.length, to)
                                    : scattered_line<T, write>(from, picked, lines.length, to);
    largest = std::max(largest, found);
  }
  return largest;
}

template <class T>
BlockFacts facts_of(std::uint64_t largest) {
  return {T::value(static_cast<typename T::Bits>(largest)), largest < T::nonfinite};
}

}  // namespace

Layout natural_layout(const MatrixView& z) {
  const std::int64_t item = item_size(z.dtype);
  // A single column (or row) may carry any stride along the axis that has one entry.
  if (z.cols == 1 && z.row_stride == item) return Layout::column_major;
  if (z.rows == 1 && z.col_stride == item) return Layout::row_major;
  return std::abs(z.row_stride) < std::abs(z.col_stride) ? Layout::column_major : Layout::row_major;
}

BlockFacts widen(const MatrixView& z, Layout layout, double* out, std::int64_t step) {
  const Lines lines(z, layout);
  if (step == 0) step = lines.length;
  return with_dtype(z.dtype, [&](auto type) -> BlockFacts {
    using T = decltype(type);
    return facts_of<T>(walk_lines<T, true>(lines, out, step));
  });
}

double require_finite(const MatrixView& z, int workers) {
  const Lines lines(z, natural_layout(z));
  std::vector<BlockFacts> facts(static_cast<std::size_t>(workers), {0, true});
  parallel_ranges(lines.count, workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    facts[static_cast<std::size_t>(worker)] = with_dtype(z.dtype, [&](auto type) {
      using T = decltype(type);
      return facts_of<T>(walk_lines<T, false>(lines.range(begin, end), nullptr, lines.length));
    });
  });
  double largest = 0;
  for (const BlockFacts& part : facts) {
    if (!part.finite) throw_first_nonfinite(z);
    largest = std::max(largest, part.largest);
  }
  return largest;
}

void throw_first_nonfinite(const MatrixView& z) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t i = 0; i < z.rows; ++i) {
    for (std::int64_t j = 0; j < z.cols; ++j) {
      const double value = with_dtype(z.dtype, [&](auto type) -> double {
        using T = decltype(type);
        const typename T::Bits bits = load<T>(z.at(i, j));
        const auto mag = static_cast<typename T::Bits>(bits & T::magnitude);
        if (mag < T::nonfinite) return 0;
        if (mag > T::nonfinite) return nan;
        return (bits & static_cast<typename T::Bits>(~T::magnitude)) != 0 ? -HUGE_VAL : HUGE_VAL;
      });
      if (value != 0) throw NonFiniteError(i, j, value);
    }
  }
  throw TornError();
}

}  // namespace rankme
