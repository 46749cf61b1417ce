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

template <class T, bool write>
std::uint64_t strided_line(const std::byte* from, std::int64_t stride, std::int64_t count,
                           double* to) {
  typename T::Bits largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const typename T::Bits bits = load<T>(from + i * stride);
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

// Lines are what a block is read in: rows of a row-major block, columns of the other.
struct Lines {
  Lines(const MatrixView& z, Layout layout)
      : data(z.data),
        count(layout == Layout::row_major ? z.rows : z.cols),
        length(layout == Layout::row_major ? z.cols : z.rows),
        step(layout == Layout::row_major ? z.row_stride : z.col_stride),
        stride(layout == Layout::row_major ? z.col_stride : z.row_stride) {}

  Lines range(std::int64_t begin, std::int64_t end) const {
    Lines part = *this;
    part.data += begin * step;
    part.count = end - begin;
    return part;
  }

  const std::byte* data;
  std::int64_t count, length, step, stride;
};

template <class T, bool write>
std::uint64_t walk_lines(const Lines& lines, double* out) {
  constexpr auto size = static_cast<std::int64_t>(sizeof(typename T::Bits));
  const bool contiguous = lines.stride == size;
  // Lines without a gap between them are one line, which spares short ones their ends.
  if (contiguous && lines.step == lines.length * size) {
    return line<write>(T{}, lines.data, lines.count * lines.length, out);
  }
  std::uint64_t largest = 0;
  for (std::int64_t i = 0; i < lines.count; ++i) {
    const std::byte* from = lines.data + i * lines.step;
    double* to = write ? out + i * lines.length : nullptr;
    largest = std::max(largest, contiguous
                                    ? line<write>(T{}, from, lines.length, to)
                                    : strided_line<T, write>(from, lines.stride, lines.length, to));
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

BlockFacts widen(const MatrixView& z, Layout layout, double* out) {
  const Lines lines(z, layout);
  return with_dtype(z.dtype, [&](auto type) -> BlockFacts {
    using T = decltype(type);
    return facts_of<T>(walk_lines<T, true>(lines, out));
  });
}

double require_finite(const MatrixView& z, int workers) {
  const Lines lines(z, natural_layout(z));
  std::vector<BlockFacts> facts(static_cast<std::size_t>(workers), {0, true});
  parallel_ranges(lines.count, workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    facts[static_cast<std::size_t>(worker)] = with_dtype(z.dtype, [&](auto type) {
      using T = decltype(type);
      return facts_of<T>(walk_lines<T, false>(lines.range(begin, end), nullptr));
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
