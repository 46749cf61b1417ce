// The Gram matrices of the batch kernels, computed without a GPU: every thread of a block is a
// thread here, and the tensor cores are replaced by the shuffles that stand in for them on older
// GPUs.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../cuda/src/kernels/batch_finish.cuh"
#include "check.hpp"
#include "host_team.hpp"
#include "oracle.hpp"
#include "small_eigen.hpp"

namespace batch = rankme::cuda::batch;
using oracle::Matrix;
using small_eigen::computed_eigenvalues;

namespace {

std::uint16_t to_half(double x) {
  const auto bits = static_cast<std::uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const double size = std::abs(x);
  if (std::isnan(x)) return 0x7e00;
  if (size >= 65520) return static_cast<std::uint16_t>(bits | 0x7c00);
  const int exponent = size == 0 ? -14 : std::max(std::ilogb(size), -14);
  // The mantissa's carry runs into the exponent, as it should.
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return static_cast<std::uint16_t>(bits | (steps + (exponent + 14) * 1024));
}

template <class Entry>
typename Entry::Bits encode(double x) {
  if constexpr (std::is_same_v<Entry, batch::Float64>) return batch::bits_to<std::uint64_t>(x);
  const auto bits = batch::bits_to<std::uint32_t>(static_cast<float>(x));
  if constexpr (std::is_same_v<Entry, batch::Float32>) return bits;
  if constexpr (std::is_same_v<Entry, batch::Float16>) return to_half(x);
  return static_cast<typename Entry::Bits>(bits >> 16);
}

// How the entries lie in memory.
enum class Order { by_rows, by_columns, loose };

template <class Entry>
struct Stored {
  using Bits = typename Entry::Bits;
  static constexpr std::int64_t item = sizeof(Bits);

  Stored(Matrix z, Order order) : exact(std::move(z)) {
    const std::int64_t gap = order == Order::loose ? 3 * item : 0;
    row_stride = order == Order::by_columns ? item : (exact.cols * item + gap + 15) / 16 * 16;
    column_stride = order == Order::by_columns ? (exact.rows * item + 15) / 16 * 16 : item;
    if (order == Order::loose) {
      column_stride = 2 * item + 1;
      row_stride = column_stride * exact.cols + 5;
    }
    bytes.resize(
        static_cast<std::size_t>((exact.rows * row_stride + exact.cols * column_stride) / 16 + 2));
    for (std::int64_t i = 0; i < exact.rows; ++i) {
      for (std::int64_t j = 0; j < exact.cols; ++j) {
        const Bits bits = encode<Entry>(exact(i, j));
        std::memcpy(data() + i * row_stride + j * column_stride, &bits, sizeof bits);
        exact(i, j) = Entry::value(bits);
      }
    }
    access = order == Order::loose ? batch::Access::bytes : batch::Access::packets;
  }
  unsigned char* data() { return reinterpret_cast<unsigned char*>(bytes.data()); }

  batch::Matrix view() {
    const bool rows = exact.rows <= exact.cols;
    const bool along = rows ? column_stride == item : row_stride == item;
    return {data(),
            rows ? row_stride : column_stride,
            rows ? column_stride : row_stride,
            rows ? exact.cols : exact.rows,
            static_cast<std::int32_t>(rows ? exact.rows : exact.cols),
            access == batch::Access::packets && !along ? batch::Access::entries : access,
            rows};
  }

  Matrix exact;
  std::int64_t row_stride, column_stride;
  std::vector<batch::Words> bytes;
  batch::Access access;
};

struct Result {
  batch::Facts facts;
  std::vector<double> gram;
};

template <class Entry, int tiles>
Result gram_of(Stored<Entry>& stored, const batch::Options& options, int warps) {
  const batch::Matrix view = stored.view();
  Result result{{}, std::vector<double>(64 * 64)};
  batch::Workspace<8 * tiles> work;
  host_team::run(warps, [&](const host_team::Team& team) {
    const batch::Facts facts =
        batch::gram_of<Entry, tiles>(team, view, options, work, result.gram.data());
    if (team.rank() == 0) result.facts = facts;
  });
  return result;
}

// Against one-sided Jacobi on the centred, normalised matrix.
template <class Entry, int tiles>
void check_gram(const Matrix& z, Order order, const batch::Options& options, int warps,
                const std::string& name) {
  Stored<Entry> stored(z, order);
  const Result result = gram_of<Entry, tiles>(stored, options, warps);
  CHECK(result.facts.nonfinite == batch::all_finite);
  Matrix exact = options.normalize ? oracle::normalized(stored.exact) : stored.exact;
  if (options.center) exact = oracle::centered(exact);
  std::vector<double> wanted = oracle::singular_values(exact);
  const int n = result.facts.order;
  const std::vector<double> got =
      n == 0 ? std::vector<double>{} : computed_eigenvalues(result.gram, n);
  const double largest = std::max(wanted.front() * wanted.front(), 1e-300);
  double worst = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const double value = k < got.size() ? got[got.size() - 1 - k] : 0;
    worst = std::max(
        worst, std::abs(std::ldexp(value, 2 * result.facts.exponent) - wanted[k] * wanted[k]));
  }
  check::report(worst <= 1e-13 * largest, __FILE__, __LINE__,
                name + check::against(worst / largest, 1e-13));
}

void grams_of_every_kind() {
  const std::array<batch::Options, 4> all{
      {{false, false}, {true, false}, {false, true}, {true, true}}};
  for (const batch::Options& options : all) {
    const std::string name = std::string("center ") + (options.center ? "1" : "0") + " normalize " +
                             (options.normalize ? "1" : "0");
    Matrix wide = oracle::random_matrix(5, 37, 1, 0.95);
    Matrix tall = oracle::random_matrix(37, 6, 2, 0.8);
    for (std::int64_t j = 0; j < wide.cols; ++j) wide(2, j) = 0;  // a row of zeros
    for (std::int64_t j = 0; j < tall.cols; ++j) tall(3, j) = 0;
    for (std::int64_t i = 0; i < tall.rows; ++i) tall(i, 4) = 0;  // a dead dimension
    check_gram<batch::Float16, 2>(wide, Order::by_rows, options, 1, "f16 wide " + name);
    check_gram<batch::Float16, 2>(tall, Order::by_rows, options, 2, "f16 tall " + name);
    check_gram<batch::BFloat16, 2>(wide, Order::by_columns, options, 1, "bf16 wide " + name);
    check_gram<batch::Float32, 2>(tall, Order::by_columns, options, 2, "f32 tall " + name);
    check_gram<batch::Float64, 2>(wide, Order::loose, options, 1, "f64 wide " + name);
    check_gram<batch::Float64, 2>(tall, Order::loose, options, 1, "f64 tall " + name);

    // A mean a thousand times longer than the spread around it: the second round.
    for (double& x : wide.entries) x += 1000;
    for (double& x : tall.entries) x += 1000;
    check_gram<batch::Float64, 2>(wide, Order::by_rows, options, 1, "far wide " + name);
    check_gram<batch::Float64, 2>(tall, Order::by_rows, options, 2, "far tall " + name);
    check_gram<batch::Float16, 2>(tall, Order::by_columns, options, 2, "far tall f16 " + name);
  }
  const batch::Options plain{false, false};
  check_gram<batch::Float32, 4>(oracle::random_matrix(25, 70, 5), Order::by_rows, plain, 1,
                                "32 wide");
  check_gram<batch::Float16, 8>(oracle::random_matrix(50, 70, 6), Order::by_rows, plain, 2,
                                "64 wide");
  check_gram<batch::Float64, 8>(oracle::random_matrix(70, 63, 7), Order::by_rows, {true, true}, 1,
                                "64 tall");
}

void extreme_entries() {
  for (const double factor : {0x1p900, 0x1p-900}) {
    for (const bool normalize : {false, true}) {
      Matrix z = oracle::random_matrix(4, 19, 3);
      for (double& x : z.entries) x *= factor;
      for (std::int64_t k = 0; normalize && k < z.cols; ++k) z(1, k) /= factor;  // one ordinary row
      for (const bool wide : {true, false}) {
        Stored<batch::Float64> stored(wide ? z : oracle::transpose(z), Order::by_rows);
        const Result result = gram_of<batch::Float64, 2>(stored, {false, wide && normalize}, 1);
        // The oracle's squares would leave the range too.
        Matrix exact = z;
        for (std::int64_t i = 0; i < exact.rows; ++i) {
          for (std::int64_t k = 0; k < exact.cols; ++k) {
            if (!(normalize && i == 1)) exact(i, k) /= factor;
          }
        }
        if (wide && normalize) {
          exact = oracle::normalized(exact);
        } else if (normalize) {
          continue;  // ordinary beside extreme columns: nothing of the smaller is left
        }
        const std::vector<double> wanted = oracle::singular_values(exact);
        const std::vector<double> got = computed_eigenvalues(result.gram, 4);
        const int lost = normalize ? 0 : std::ilogb(factor) - result.facts.exponent;
        for (std::size_t k = 0; k < wanted.size(); ++k) {
          CHECK_CLOSE(std::sqrt(got[3 - k]), std::ldexp(wanted[k], lost), 1e-13);
        }
      }
    }
  }
  // Rows of Z to unit length where they lie across the vectors.
  Matrix tall = oracle::random_matrix(19, 4, 3);
  Matrix exact = oracle::normalized(tall);
  for (std::int64_t i = 0; i < tall.rows; ++i) {
    for (std::int64_t j = 0; j < tall.cols; ++j)
      tall(i, j) *= i % 3 == 0 ? 0x1p900 : i % 3 == 1 ? 0x1p-900 : 1;
  }
  Stored<batch::Float64> stored(tall, Order::by_rows);
  const Result result = gram_of<batch::Float64, 2>(stored, {false, true}, 1);
  const std::vector<double> wanted = oracle::singular_values(exact);
  const std::vector<double> got = computed_eigenvalues(result.gram, 4);
  for (std::size_t k = 0; k < wanted.size(); ++k)
    CHECK_CLOSE(std::sqrt(got[3 - k]), wanted[k], 1e-13);
}

void equal_rows_centre_to_nothing() {
  for (const bool wide : {true, false}) {
    for (const bool normalize : {false, true}) {
      Matrix z = oracle::random_matrix(wide ? 4 : 40, wide ? 40 : 4, 9);
      for (std::int64_t i = 1; i < z.rows; ++i) {
        for (std::int64_t j = 0; j < z.cols; ++j) z(i, j) = z(0, j);
      }
      Stored<batch::Float32> stored(z, Order::by_rows);
      const Result result = gram_of<batch::Float32, 2>(stored, {true, normalize}, 2);
      for (int i = 0; i < result.facts.order * result.facts.order; ++i) {
        CHECK(result.gram[static_cast<std::size_t>(i)] == 0);
      }
    }
  }
}

template <class Entry>
void bad_entry(const std::string& name) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), -HUGE_VAL}) {
    for (const bool wide : {true, false}) {
      for (const bool normalize : {true, false}) {
        Matrix z = oracle::random_matrix(wide ? 5 : 41, wide ? 41 : 5, 4);
        z(3, 2) = bad;
        z(3, 4) = bad;
        z(4, 0) = bad;
        Stored<Entry> stored(z, Order::by_rows);
        const Result result = gram_of<Entry, 2>(stored, {false, normalize}, 2);
        check::report(result.facts.nonfinite == 3 * z.cols + 2, __FILE__, __LINE__, name);
      }
    }
  }
}

void halves_are_read_right() {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const double value = batch::Float16::value(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    CHECK(to_half(value) == bits);
  }
}

}  // namespace

int main() {
  halves_are_read_right();
  grams_of_every_kind();
  extreme_entries();
  equal_rows_centre_to_nothing();
  bad_entry<batch::Float16>("float16");
  bad_entry<batch::BFloat16>("bfloat16");
  bad_entry<batch::Float32>("float32");
  bad_entry<batch::Float64>("float64");
  return check::finish("batch Gram matrices");
}
