#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "check.hpp"
#include "half.hpp"
#include "rankme/error.hpp"
#include "rankme/widen.hpp"

namespace {

using rankme::DType;
using rankme::Layout;
using rankme::MatrixView;

// IEEE 754 binary16 read by its definition: sign, exponent, fraction.
double half_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

void every_half_is_widened_exactly() {
  std::vector<std::uint16_t> bits;
  for (int b = 0; b < 0x10000; ++b) {
    if (((b >> 10) & 31) != 31) bits.push_back(static_cast<std::uint16_t>(b));
  }
  const auto count = static_cast<std::int64_t>(bits.size());
  std::vector<double> out(bits.size());
  const auto facts = rankme::widen(rankme::row_major(bits.data(), DType::float16, 1, count),
                                   Layout::row_major, out.data());
  CHECK(facts.finite);
  CHECK(facts.largest == 65504);
  bool same = true;
  for (std::size_t i = 0; i < bits.size(); ++i) same &= out[i] == half_by_definition(bits[i]);
  CHECK(same);
}

// As half_by_definition, of every pattern: infinities stay, NaNs are quiet and keep their payload.
std::uint64_t double_bits_by_definition(std::uint16_t bits) {
  if (((bits >> 10) & 31) != 31) return std::bit_cast<std::uint64_t>(half_by_definition(bits));
  const auto sign = static_cast<std::uint64_t>(bits >> 15) << 63;
  const std::uint64_t fraction = bits & 1023u;
  const std::uint64_t quiet = fraction == 0 ? 0 : 0x200;
  return sign | 0x7ffull << 52 | (fraction | quiet) << 42;
}

// Switches subnormals off for its life, where the processor can.
class Flushed {
public:
#if defined(__SSE2__)
  Flushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~Flushed() { _mm_setcsr(before_); }

private:
  unsigned before_;
#endif
};

void every_path_reads_every_half() {
  std::vector<std::uint16_t> bits(0x10000);
  for (std::size_t b = 0; b < bits.size(); ++b) bits[b] = static_cast<std::uint16_t>(b);
  std::vector<std::uint64_t> wanted;
  for (const std::uint16_t b : bits) wanted.push_back(double_bits_by_definition(b));
  const auto* bytes = reinterpret_cast<const std::byte*>(bits.data());
  namespace half = rankme::half;
  CHECK(half::available(half::Path::portable) && half::available(half::best_path()));
  for (const half::Path path : {half::Path::portable, half::Path::f16c, half::Path::avx512}) {
    if (!half::available(path)) continue;
    const half::Line line = half::line(path);
    for (const bool flushed : {false, true}) {
      std::optional<Flushed> mode;
      if (flushed) mode.emplace();
      std::vector<double> out(bits.size());
      CHECK(line(bytes, 0x10000, out.data()) == 0x7fff);
      CHECK(std::memcmp(out.data(), wanted.data(), 8 * wanted.size()) == 0);
    }
    // Every length up to some registers, from every alignment; nothing is written behind the end.
    bool same = true;
    for (std::int64_t count = 0; count <= 70; ++count) {
      for (std::int64_t first = 0x3c00; first < 0x3c00 + 17; ++first) {
        std::vector<double> out(static_cast<std::size_t>(count) + 1, -7.0);
        const std::uint64_t largest = line(bytes + 2 * first, count, out.data());
        same &= largest == (count == 0 ? 0 : static_cast<std::uint64_t>(first + count - 1));
        same &= std::memcmp(out.data(), wanted.data() + first,
                            8 * static_cast<std::size_t>(count)) == 0;
        same &= out.back() == -7.0;
      }
    }
    CHECK(same);
  }
}

void every_bfloat16_is_widened_exactly() {
  std::vector<std::uint16_t> bits;
  for (int b = 0; b < 0x10000; ++b) {
    if (((b >> 7) & 255) != 255) bits.push_back(static_cast<std::uint16_t>(b));
  }
  const auto count = static_cast<std::int64_t>(bits.size());
  std::vector<double> out(bits.size());
  CHECK(rankme::widen(rankme::row_major(bits.data(), DType::bfloat16, count, 1), Layout::row_major,
                      out.data())
            .finite);
  bool same = true;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const int exponent = (bits[i] >> 7) & 255;
    const int fraction = bits[i] & 127;
    const double size =
        exponent == 0 ? std::ldexp(fraction, -133) : std::ldexp(128 + fraction, exponent - 134);
    same &= out[i] == ((bits[i] & 0x8000) != 0 ? -size : size);
  }
  CHECK(same);
}

// A buffer in which the entry (i, j) of a view can be told from all others.
void every_stride_is_walked() {
  std::vector<float> store(4096);
  for (std::size_t i = 0; i < store.size(); ++i) store[i] = static_cast<float>(i) - 2048;
  const auto* middle = reinterpret_cast<const std::byte*>(store.data() + 2048);
  for (const std::int64_t row_stride : {4, 40, -40, 0, 84, 120}) {
    for (const std::int64_t col_stride : {4, -4, 0, 8, 44, -120}) {
      const MatrixView z{middle, DType::float32, 7, 11, row_stride, col_stride};
      for (const Layout layout : {Layout::row_major, Layout::column_major}) {
        std::vector<double> out(77);
        rankme::widen(z, layout, out.data());
        bool same = true;
        for (std::int64_t i = 0; i < 7; ++i) {
          for (std::int64_t j = 0; j < 11; ++j) {
            float wanted;
            std::memcpy(&wanted, z.at(i, j), sizeof wanted);
            const auto at = layout == Layout::row_major ? i * 11 + j : j * 7 + i;
            same &= out[static_cast<std::size_t>(at)] == wanted;
          }
        }
        CHECK(same);
      }
    }
  }
}

// Rows that were picked out of others, at a stride for their entries.
void picked_rows_are_walked() {
  std::vector<float> store(4096);
  for (std::size_t i = 0; i < store.size(); ++i) store[i] = static_cast<float>(i) - 2048;
  const auto* middle = reinterpret_cast<const std::byte*>(store.data() + 2048);
  const std::vector<std::int64_t> offsets{0, 84, 80, -44, 1200, 1200, -2000, 4};
  for (const std::int64_t col_stride : {4, -4, 0, 8, 44, -120}) {
    MatrixView all{middle, DType::float32, 8, 11, 84, col_stride};
    all.row_offsets = offsets.data();
    const MatrixView z = all.row_range(1, 8);
    for (const Layout layout : {Layout::row_major, Layout::column_major}) {
      std::vector<double> out(11 * 13);  // a line is longer than what is written to it
      rankme::widen(z, layout, out.data(), 13);
      bool same = true;
      for (std::int64_t i = 0; i < 7; ++i) {
        for (std::int64_t j = 0; j < 11; ++j) {
          float wanted;
          std::memcpy(&wanted, middle + offsets[static_cast<std::size_t>(i + 1)] + j * col_stride,
                      sizeof wanted);
          const auto at = layout == Layout::row_major ? i * 13 + j : j * 13 + i;
          same &= out[static_cast<std::size_t>(at)] == wanted;
        }
      }
      CHECK(same);
    }
  }
}

void a_bad_entry_is_seen_in_picked_rows_alone() {
  for (const bool by_rows : {true, false}) {
    std::vector<double> z(40 * 6, 1.0);
    const MatrixView whole =
        by_rows ? rankme::view_of(z.data(), 40, 6) : rankme::view_of(z.data(), 6, 40).transposed();
    const auto put = [&](std::int64_t row, std::int64_t column) {
      z[static_cast<std::size_t>(by_rows ? row * 6 + column : column * 40 + row)] = HUGE_VAL;
    };
    put(3, 5);
    std::vector<std::int64_t> offsets;
    for (std::int64_t row = 4; row < 40; row += row % 3) offsets.push_back(row * whole.row_stride);
    MatrixView picked = whole;
    picked.rows = static_cast<std::int64_t>(offsets.size());
    picked.row_offsets = offsets.data();
    for (const int workers : {1, 3}) CHECK(rankme::require_finite(picked, workers) == 1);
    CHECK_THROWS(picked.transposed(), std::logic_error, "picked rows");
    put(offsets[7] / whole.row_stride, 2);
    for (const int workers : {1, 3}) {
      CHECK_THROWS(rankme::require_finite(picked, workers), rankme::NonFiniteError,
                   "Z[7, 2] is inf");
    }
  }
}

void unaligned_memory_is_read() {
  std::vector<std::byte> bytes(8 * 12 + 1);
  for (int i = 0; i < 12; ++i) {
    const double value = 1.5 * i;
    std::memcpy(bytes.data() + 1 + 8 * i, &value, 8);
  }
  std::vector<double> out(12);
  rankme::widen({bytes.data() + 1, DType::float64, 3, 4, 32, 8}, Layout::row_major, out.data());
  for (int i = 0; i < 12; ++i) CHECK(out[static_cast<std::size_t>(i)] == 1.5 * i);
}

void the_fast_axis_is_found() {
  const double x = 0;
  const auto at = reinterpret_cast<const std::byte*>(&x);
  const auto layout = [&](std::int64_t rows, std::int64_t cols, std::int64_t rs, std::int64_t cs) {
    return rankme::natural_layout({at, DType::float64, rows, cols, rs, cs});
  };
  CHECK(layout(5, 3, 24, 8) == Layout::row_major);
  CHECK(layout(5, 3, 8, 40) == Layout::column_major);
  CHECK(layout(5, 1, 8, 8) == Layout::column_major);
  CHECK(layout(1, 5, 8, 8) == Layout::row_major);
  CHECK(layout(5, 3, -8, 40) == Layout::column_major);
}

template <class T>
void the_first_bad_entry_is_named(DType dtype, T one, T nan, T plus, T minus) {
  for (const T bad : {nan, plus, minus}) {
    std::vector<T> z(6 * 40, one);
    z[3 * 40 + 17] = bad;
    z[4 * 40 + 2] = nan;  // a smaller column, but a later row
    const MatrixView rows = rankme::row_major(z.data(), dtype, 6, 40);
    const MatrixView columns{rows.data, dtype, 40, 6, rows.col_stride, rows.row_stride};
    for (const int workers : {1, 3}) {
      CHECK_THROWS(rankme::require_finite(rows, workers), rankme::NonFiniteError, "Z[3, 17] is ");
      CHECK_THROWS(rankme::require_finite(columns, workers), rankme::NonFiniteError,
                   "Z[2, 4] is nan");
    }
    std::vector<double> out(240);
    CHECK(!rankme::widen(rows, Layout::row_major, out.data()).finite);
    rankme::require_finite(rows.row_range(0, 3), 2);
  }
}

}  // namespace

int main() {
  every_half_is_widened_exactly();
  every_path_reads_every_half();
  every_bfloat16_is_widened_exactly();
  every_stride_is_walked();
  picked_rows_are_walked();
  a_bad_entry_is_seen_in_picked_rows_alone();
  unaligned_memory_is_read();
  the_fast_axis_is_found();
  const double inf = std::numeric_limits<double>::infinity();
  const float inff = std::numeric_limits<float>::infinity();
  the_first_bad_entry_is_named<double>(DType::float64, 1, std::nan(""), inf, -inf);
  the_first_bad_entry_is_named<float>(DType::float32, 1, std::nanf(""), inff, -inff);
  the_first_bad_entry_is_named<std::uint16_t>(DType::float16, 0x3c00, 0x7e01, 0x7c00, 0xfc00);
  the_first_bad_entry_is_named<std::uint16_t>(DType::bfloat16, 0x3f80, 0xffc0, 0x7f80, 0xff80);
  return check::finish("widen");
}
