// The arithmetic of the batch kernels, run without a GPU: every thread of a block is a thread here,
// and the tensor cores are replaced by the shuffles that stand in for them on older GPUs.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "../cpp/check.hpp"
#include "../cpp/oracle.hpp"
#include "batch_eigen.cuh"
#include "batch_finish.cuh"
#include "lanes.hpp"
#include "rankme/accuracy.hpp"

namespace batch = rankme::cuda::batch;
using oracle::Matrix;

namespace {

// ---- eigenvalues -------------------------------------------------------------------------------

// Cyclic Jacobi in long double: nothing in common with what is tested.
std::vector<double> reference_eigenvalues(const std::vector<long double>& dense, int n) {
  std::vector<long double> a = dense;
  const auto at = [&](int i, int j) -> long double& {
    return a[static_cast<std::size_t>(i * n + j)];
  };
  for (int sweep = 0; sweep < 40; ++sweep) {
    for (int p = 0; p < n; ++p) {
      for (int q = p + 1; q < n; ++q) {
        if (at(p, q) == 0) continue;
        const long double tau = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const long double t = std::copysign(1.0L, tau) / (std::fabs(tau) + std::hypot(1.0L, tau));
        const long double c = 1 / std::hypot(1.0L, t);
        const long double s = t * c;
        for (int k = 0; k < n; ++k) {
          const long double x = at(k, p), y = at(k, q);
          at(k, p) = c * x - s * y;
          at(k, q) = s * x + c * y;
        }
        for (int k = 0; k < n; ++k) {
          const long double x = at(p, k), y = at(q, k);
          at(p, k) = c * x - s * y;
          at(q, k) = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(static_cast<double>(at(i, i)));
  std::sort(values.begin(), values.end());
  return values;
}

struct EigenSpace {
  explicit EigenSpace(int n) : pitch(n + 1), a(static_cast<std::size_t>(n * (n + 1))) {
    for (auto& part : parts) part.resize(static_cast<std::size_t>(n));
  }
  batch::Tridiagonal tridiagonal() {
    return {parts[0].data(), parts[1].data(), parts[2].data(), parts[3].data(), parts[4].data()};
  }
  int pitch;
  std::vector<double> a;
  std::array<std::vector<double>, 5> parts;
};

template <class Team>
void solve(const Team& team, EigenSpace& space, int n, double* out) {
  batch::tridiagonalize(team, space.a.data(), n, space.pitch, space.tridiagonal());
  batch::bisect(team, space.tridiagonal(), n, out);
}

std::vector<double> computed_eigenvalues(const std::vector<double>& dense, int n, int warps = 0) {
  EigenSpace space(n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      space.a[static_cast<std::size_t>(i * space.pitch + j)] =
          dense[static_cast<std::size_t>(i * n + j)];
    }
  }
  std::vector<double> out(static_cast<std::size_t>(n));
  if (warps == 0) {
    solve(lanes::Alone(), space, n, out.data());
  } else {
    lanes::run(warps, [&](const lanes::Team& team) { solve(team, space, n, out.data()); });
  }
  return out;
}

// A symmetric matrix with about these eigenvalues, in random directions.
std::vector<double> with_spectrum(const std::vector<double>& values, unsigned seed) {
  const int n = static_cast<int>(values.size());
  std::vector<double> a(static_cast<std::size_t>(n * n));
  for (int i = 0; i < n; ++i)
    a[static_cast<std::size_t>(i * n + i)] = values[static_cast<std::size_t>(i)];
  for (unsigned step = 0; step < 3; ++step) {
    const Matrix v = oracle::random_matrix(1, n, seed + step);
    double squares = 0;
    for (int i = 0; i < n; ++i) squares += v(0, i) * v(0, i);
    std::vector<double> w(static_cast<std::size_t>(n));
    double middle = 0;
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j)
        w[static_cast<std::size_t>(i)] += a[static_cast<std::size_t>(i * n + j)] * v(0, j);
      middle += v(0, i) * w[static_cast<std::size_t>(i)];
    }
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j <= i; ++j) {
        const double change = -2 / squares *
                                  (v(0, i) * w[static_cast<std::size_t>(j)] +
                                   w[static_cast<std::size_t>(i)] * v(0, j)) +
                              4 * middle / squares / squares * v(0, i) * v(0, j);
        a[static_cast<std::size_t>(i * n + j)] += change;
        a[static_cast<std::size_t>(j * n + i)] = a[static_cast<std::size_t>(i * n + j)];
      }
    }
  }
  return a;
}

void check_eigenvalues(const std::vector<double>& dense, int n, const std::string& name) {
  const std::vector<double> wanted =
      reference_eigenvalues(std::vector<long double>(dense.begin(), dense.end()), n);
  const std::vector<double> got = computed_eigenvalues(dense, n);
  const double largest = std::max(std::abs(wanted.front()), std::abs(wanted.back()));
  const double allowed = rankme::solver_error(n) * largest;
  double worst = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k)
    worst = std::max(worst, std::abs(got[k] - wanted[k]));
  check::report(worst <= allowed, __FILE__, __LINE__, name + check::against(worst, allowed));
  check::report(std::is_sorted(got.begin(), got.end()), __FILE__, __LINE__, name + " ascends");
}

std::vector<double> spectrum(int n, const std::function<double(int)>& value) {
  std::vector<double> values;
  for (int k = 0; k < n; ++k) values.push_back(value(k));
  return values;
}

void eigenvalues_of_nasty_spectra() {
  for (const int n : {1, 2, 3, 7, 16, 33, 50, 64}) {
    const auto named = [&](const std::string& name) { return name + " " + std::to_string(n); };
    const auto check = [&](const std::string& name, const std::function<double(int)>& value) {
      check_eigenvalues(with_spectrum(spectrum(n, value), 7), n, named(name));
    };
    check("power law", [](int k) { return std::pow(k + 1.0, -2); });
    check("graded", [](int k) { return std::pow(10.0, -0.5 * k); });
    check("clustered", [](int k) { return 1 + 1e-14 * k; });
    check("collapsed", [](int k) { return k < 3 ? 1.0 : 0.0; });
    check("large", [](int k) { return 0x1p390 / (k + 1); });
    check("small", [](int k) { return 0x1p-390 / (k + 1); });
    check("subnormal float32 squared", [](int k) { return 0x1p-298 * (k + 1); });
    check("opposite signs", [](int k) { return k % 2 == 0 ? 1.0 : -1.0; });

    const auto size = static_cast<std::size_t>(n * n);
    check_eigenvalues(std::vector<double>(size), n, named("zero"));
    check_eigenvalues(std::vector<double>(size, 3), n, named("all equal"));
    std::vector<double> identity(size, 1e-8);  // a large mean on an identity
    std::vector<double> graded(size);
    std::vector<double> wilkinson(size);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i * n + i);
      identity[at] += 1e-3;
      graded[at] = std::pow(16.0, -i);
      wilkinson[at] = std::abs(i - n / 2);
      if (i + 1 < n) wilkinson[at + 1] = wilkinson[at + static_cast<std::size_t>(n)] = 1;
      if (i + 1 < n)
        graded[at + 1] = graded[at + static_cast<std::size_t>(n)] = 0.5 * std::pow(16.0, -i - 1);
    }
    check_eigenvalues(identity, n, named("mean on an identity"));
    check_eigenvalues(graded, n, named("graded down the diagonal"));
    std::reverse(graded.begin(), graded.end());
    check_eigenvalues(graded, n, named("graded up the diagonal"));
    check_eigenvalues(wilkinson, n, named("Wilkinson"));
  }
}

void threads_find_what_one_finds() {
  for (const int n : {2, 5, 33}) {
    const std::vector<double> dense =
        with_spectrum(spectrum(n, [](int k) { return 1.0 / (k + 1); }), 3);
    const std::vector<double> alone = computed_eigenvalues(dense, n);
    for (const int warps : {1, 2}) {
      const std::vector<double> together = computed_eigenvalues(dense, n, warps);
      for (std::size_t k = 0; k < alone.size(); ++k) {
        CHECK(std::abs(together[k] - alone[k]) <= 1e-14);
      }
    }
  }
}

// ---- Gram matrices -----------------------------------------------------------------------------

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
    column_stride = order == Order::by_columns ? exact.rows * item : item;
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
    access = order == Order::by_rows ? batch::Access::packets
             : order == Order::loose ? batch::Access::bytes
                                     : batch::Access::entries;
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
  lanes::run(warps, [&](const lanes::Team& team) {
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
  result.facts.order == 0 ? void() : void();
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
  eigenvalues_of_nasty_spectra();
  threads_find_what_one_finds();
  halves_are_read_right();
  grams_of_every_kind();
  extreme_entries();
  equal_rows_centre_to_nothing();
  bad_entry<batch::Float16>("float16");
  bad_entry<batch::BFloat16>("bfloat16");
  bad_entry<batch::Float32>("float32");
  bad_entry<batch::Float64>("float64");
  return check::finish("batch arithmetic");
}
