// One-shot spectra and the QR accumulator of a GPU against those of the host.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "check.hpp"
#include "gpu.hpp"
#include "rankme/cuda/qr.hpp"
#include "rankme/cuda/spectrum.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/spectrum.hpp"

using gpu::Rows;
using oracle::Matrix;
using rankme::DType;
using rankme::Method;
using rankme::QrFactor;
using rankme::SingularValues;
using rankme::cuda::Precision;
using rankme::cuda::QrAccumulator;

namespace {

void compare(const SingularValues& got, const SingularValues& wanted, double tolerance) {
  CHECK(got.scaled.size() == wanted.scaled.size());
  CHECK(got.exponent == wanted.exponent);
  if (got.scaled.size() != wanted.scaled.size()) return;
  for (std::size_t k = 0; k < got.scaled.size(); ++k) {
    CHECK(std::abs(got.scaled[k] - wanted.scaled[k]) <= tolerance * wanted.scaled.front());
    // Each interval holds the exact value, so they meet.
    CHECK(got.low[k] <= wanted.high[k] && wanted.low[k] <= got.high[k]);
  }
}

void one_shot_agrees(const Matrix& z, DType dtype, double tolerance) {
  for (const bool by_columns : {false, true}) {
    Rows rows(z, dtype, by_columns);
    for (const Method method : {Method::gram, Method::qr}) {
      for (const bool center : {false, true}) {
        for (const bool normalize : {false, true}) {
          const SingularValues wanted =
              rankme::singular_values(rows.host_view(), center, normalize, method);
          compare(rankme::cuda::singular_values(rows.on_device(), center, normalize, method,
                                                Precision::float64, 0),
                  wanted, tolerance);
          compare(rankme::cuda::singular_values(rows.on_host(), center, normalize, method,
                                                Precision::float64, 0),
                  wanted, tolerance);
        }
      }
    }
  }
}

void spectra_agree() {
  for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
    one_shot_agrees(oracle::random_matrix(300, 50, 1), dtype, 1e-12);
    one_shot_agrees(oracle::random_matrix(40, 333, 2), dtype, 1e-12);
  }
  one_shot_agrees(oracle::random_matrix(30, 30, 3), DType::float64, 1e-7);
  one_shot_agrees(oracle::random_matrix(1, 20, 4), DType::float64, 1e-7);
  one_shot_agrees(oracle::random_matrix(20, 1, 5), DType::float64, 1e-7);
  // A collapsed set: eigenvalues of the Gram matrix end at 1e-16, their roots at 1e-8.
  one_shot_agrees(oracle::random_matrix(200, 60, 6, 0.3), DType::float64, 1e-7);
  // A mean that is longer than the spread, dead dimensions, rows of zeros.
  Matrix mean = oracle::random_matrix(250, 40, 7);
  for (double& x : mean.entries) x = 1000 + 0.001 * x;
  one_shot_agrees(mean, DType::float64, 1e-7);
  one_shot_agrees(oracle::transpose(mean), DType::float64, 1e-7);
  Matrix dead = oracle::random_matrix(100, 30, 8);
  for (std::int64_t i = 0; i < dead.rows; ++i) dead(i, 4) = dead(i, 17) = 0;
  for (std::int64_t j = 0; j < dead.cols; ++j) dead(3, j) = dead(77, j) = 0;
  one_shot_agrees(dead, DType::float32, 1e-7);
  one_shot_agrees(Matrix(5, 3), DType::float32, 1e-7);
  for (const double size : {1e-200, 1e200}) {
    Matrix z = oracle::random_matrix(60, 20, 9);
    for (double& x : z.entries) x *= size;
    one_shot_agrees(z, DType::float64, 1e-12);
    one_shot_agrees(oracle::transpose(z), DType::float64, 1e-12);
  }
}

void dead_dimensions_are_exactly_zero() {
  Matrix z = oracle::random_matrix(400, 64, 10);
  for (std::int64_t i = 0; i < z.rows; ++i) z(i, 5) = z(i, 63) = 0;
  Rows rows(z, DType::float32);
  const SingularValues values = rankme::cuda::singular_values(rows.on_device(), false, false,
                                                              Method::gram, Precision::float64, 0);
  CHECK(values.scaled[63] == 0 && values.scaled[62] == 0 && values.scaled[61] > 1);
}

void qr_sees_small_values() {
  const Matrix z = oracle::random_matrix(3000, 24, 11, 0.25);  // down to 1e-14
  Rows rows(z, DType::float64);
  const std::vector<double> exact = oracle::singular_values(z);
  QrAccumulator device(z.cols, false, rankme::Means::kept, 0);
  rankme::cuda::Source source = rows.on_device();
  for (std::int64_t row = 0; row < z.rows; row += 700) {
    rankme::cuda::Source part = source;
    part.view = source.view.row_range(row, std::min<std::int64_t>(z.rows, row + 700));
    device.update(part);
  }
  std::int64_t n_rows = 0;
  const SingularValues values = device.spectrum(false, &n_rows);
  CHECK(n_rows == z.rows);
  for (std::size_t k = 0; k < exact.size(); ++k) {
    CHECK(values.low[k] <= exact[k] && exact[k] <= values.high[k]);
    CHECK(std::abs(values.scaled[k] - exact[k]) <= 1e-13 * exact[0]);
  }
  const SingularValues centered = device.spectrum(true, &n_rows);
  const std::vector<double> wanted = oracle::singular_values(oracle::centered(z));
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    CHECK(std::abs(centered.scaled[k] - wanted[k]) <= 1e-13 * wanted[0]);
  }
}

void qr_accumulates_as_the_host() {
  const Matrix z = oracle::random_matrix(500, 30, 12, 0.7);
  Rows rows(z, DType::float32);
  std::int64_t n_rows = 0;
  for (const bool normalize : {false, true}) {
    rankme::QrAccumulator host(z.cols, normalize, rankme::Means::kept);
    QrAccumulator device(z.cols, normalize, rankme::Means::kept, 0);
    host.update(rows.host_view());
    device.update(rows.on_host());
    device.merge(device);
    host.merge(host);
    CHECK(device.n_rows() == 1000);
    for (const bool center : {false, true}) {
      compare(device.spectrum(center, &n_rows), rankme::singular_values(host, center, &n_rows),
              1e-13);
    }
    // The state goes from one to the other.
    const QrFactor factor = device.total(&n_rows);
    CHECK(factor.blocks == host.total(&n_rows).blocks);
    rankme::QrAccumulator moved(factor, n_rows, normalize);
    compare(rankme::singular_values(moved, true, &n_rows), device.spectrum(true, &n_rows), 1e-13);
    QrAccumulator back(factor, n_rows, normalize, 0);
    CHECK(back.total(&n_rows).packed() == factor.packed());
  }
}

void qr_refuses_and_keeps() {
  const Matrix z = oracle::random_matrix(90, 10, 13);
  Rows good(z, DType::float64);
  Rows bad(z, DType::float64);
  bad.set(88, 9, std::nan(""));
  Rows large(z, DType::float64);
  large.set(0, 0, 0x1p1001);
  const std::string shard = "a";
  QrAccumulator device(10, false, rankme::Means::kept, 0);
  device.update(good.on_device(), &shard);
  std::int64_t n_rows = 0;
  const std::vector<double> before = device.total(&n_rows).packed();
  const std::string other = "b";
  CHECK_THROWS(device.update(bad.on_device(), &other), rankme::NonFiniteError, "Z[88, 9] is nan");
  CHECK_THROWS(device.update(large.on_host()), std::invalid_argument, "2^1000");
  CHECK_THROWS(device.merge(device), rankme::DuplicateShardError, "'a'");
  CHECK(device.total(&n_rows).packed() == before && n_rows == 90);
  CHECK((device.shards() == rankme::ShardRows{{"a", 90}}));
  device.reset();
  CHECK_THROWS(device.spectrum(false, &n_rows), std::invalid_argument, "no rows");
}

void qr_asks_the_device_for_room() {
  CHECK_THROWS(QrAccumulator(2000000, false, rankme::Means::kept, 0), rankme::OutOfMemory,
               "2000001 x 2000001 on cuda:0");
}

void a_fault_is_found() {
  Rows rows(oracle::random_matrix(300, 40, 14), DType::float32);
  rankme::cuda::GramAccumulator device(40, false, 3, 0, Precision::float64);
  device.update(rows.on_device());
  std::int64_t n_rows = 0;
  rankme::GramSum sum = device.total(&n_rows);
  sum.gram[static_cast<std::size_t>(20 * 40 + 7)] += 1e-6;
  const rankme::cuda::GramAccumulator broken(sum, n_rows, false, 3, 0, Precision::float64);
  CHECK_THROWS(broken.spectrum(false, &n_rows), rankme::IntegrityError, "probes");
}

void there_is_no_such_device() {
  Rows rows(oracle::random_matrix(30, 4, 15), DType::float32);
  CHECK_THROWS(rankme::cuda::singular_values(rows.on_host(), false, false, Method::gram,
                                             Precision::float64, 99),
               std::invalid_argument, "no device cuda:99");
}

}  // namespace

int main() {
  if (gpu::missing()) return gpu::skipped;
  gpu::run_case("spectra agree", spectra_agree);
  gpu::run_case("dead dimensions are exactly zero", dead_dimensions_are_exactly_zero);
  gpu::run_case("qr sees small values", qr_sees_small_values);
  gpu::run_case("qr accumulates as the host", qr_accumulates_as_the_host);
  gpu::run_case("qr refuses and keeps", qr_refuses_and_keeps);
  gpu::run_case("qr asks the device for room", qr_asks_the_device_for_room);
  gpu::run_case("a fault is found", a_fault_is_found);
  gpu::run_case("there is no such device", there_is_no_such_device);
  return check::finish("cuda spectrum");
}
