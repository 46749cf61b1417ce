// The Gram accumulator of a GPU against that of the host.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "gpu.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/spectrum.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/spectrum.hpp"

using gpu::Rows;
using oracle::Matrix;
using rankme::DType;
using rankme::GramSum;
using rankme::SingularValues;
using rankme::cuda::GramAccumulator;
using rankme::cuda::Precision;
using rankme::cuda::Source;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

GramAccumulator* make(std::int64_t dim, bool normalize = false,
                      Precision precision = Precision::float64) {
  return new GramAccumulator(dim, normalize, 3, 0, precision);
}

void compare_values(const SingularValues& got, const SingularValues& wanted, double tolerance) {
  CHECK(got.scaled.size() == wanted.scaled.size());
  if (got.scaled.size() != wanted.scaled.size()) return;
  const double unit = std::ldexp(1.0, got.exponent - wanted.exponent);
  const double largest = wanted.scaled.empty() ? 0 : wanted.scaled.front();
  for (std::size_t k = 0; k < got.scaled.size(); ++k) {
    // Squares are what is computed: errors are those of the largest.
    CHECK(std::abs(std::pow(got.scaled[k] * unit, 2) - std::pow(wanted.scaled[k], 2)) <=
          tolerance * largest * largest);
    CHECK(got.low[k] <= got.scaled[k] && got.scaled[k] <= got.high[k]);
    CHECK(got.low[k] * unit <= wanted.high[k] && wanted.low[k] <= got.high[k] * unit);
  }
}

void compare_sums(const GramSum& got, const GramSum& wanted, double tolerance) {
  CHECK(got.exponent == wanted.exponent);
  double largest = 0;
  for (std::int64_t i = 0; i < wanted.dim; ++i) {
    largest = std::max(largest, wanted.gram[static_cast<std::size_t>(i * wanted.dim + i)]);
  }
  for (std::int64_t i = 0; i < wanted.dim; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto at = static_cast<std::size_t>(i * wanted.dim + j);
      CHECK(std::abs(got.gram[at] - wanted.gram[at]) <= tolerance * largest);
    }
    const auto at = static_cast<std::size_t>(i);
    CHECK(std::abs(got.column_sums[at] - wanted.column_sums[at]) <=
          tolerance * std::sqrt(largest) * 1e3);
  }
}

bool same_bits(const GramSum& a, const GramSum& b) {
  return a.packed() == b.packed() && a.column_sums == b.column_sums &&
         a.probe_products == b.probe_products && a.exponent == b.exponent;
}

// Both accumulators on the same rows, from the device and from the host.
void agrees(const Matrix& z, DType dtype, bool normalize = false, bool by_columns = false,
            std::int64_t gap = 0, std::int64_t offset = 0) {
  Rows rows(z, dtype, by_columns, gap, offset);
  rankme::GramAccumulator host(z.cols, normalize, 3);
  host.update(rows.host_view());
  std::int64_t n_rows = 0;
  const GramSum wanted = host.total(&n_rows).uncentred(nullptr);
  for (const bool on_device : {true, false}) {
    const std::unique_ptr<GramAccumulator> device(make(z.cols, normalize));
    device->update(on_device ? rows.on_device() : rows.on_host());
    CHECK(device->n_rows() == z.rows);
    compare_sums(device->total(&n_rows), wanted, 1e-13);
    for (const bool center : {false, true}) {
      compare_values(device->spectrum(center, &n_rows),
                     rankme::singular_values(host, center, &n_rows), 1e-12);
    }
  }
}

void agrees_for_all_layouts() {
  for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
    const std::int64_t item = rankme::item_size(dtype);
    agrees(oracle::random_matrix(700, 130, 1), dtype);
    agrees(oracle::random_matrix(700, 130, 2), dtype, true);
    agrees(oracle::random_matrix(300, 65, 3), dtype, false, true);
    agrees(oracle::random_matrix(300, 65, 4), dtype, true, true, 3 * item);
    agrees(oracle::random_matrix(100, 33, 5), dtype, false, false, item);
    agrees(oracle::random_matrix(100, 33, 6), dtype, false, false, 1, 1);  // no alignment
    agrees(oracle::random_matrix(1, 7, 7), dtype);
    agrees(oracle::random_matrix(9, 1, 8), dtype);
  }
  agrees(oracle::random_matrix(9000, 200, 9), DType::float32);
}

// Every way to multiply gives the same sums, block by block, whatever the cut.
void ways_agree() {
  const Matrix z = oracle::random_matrix(5000, 300, 10, 0.98);
  Rows rows(z, DType::float32);
  rankme::GramAccumulator host(z.cols, false, 3);
  host.update(rows.host_view());
  std::int64_t n_rows = 0;
  const GramSum wanted = host.total(&n_rows).uncentred(nullptr);
  const Source source = rows.on_device();
  for (const std::int64_t tile : {0, 64, 128, 256}) {
    for (const std::int64_t splits : {1, 3}) {
      for (const std::int64_t block_bytes : {1 << 20, 4 << 20, 64 << 20}) {
        const std::unique_ptr<GramAccumulator> device(make(z.cols));
        device->set_products(tile, splits, block_bytes);
        device->update(source);
        compare_sums(device->total(&n_rows), wanted, 1e-13);
        const GramSum first = device->total(&n_rows);
        device->reset();
        device->update(source);
        CHECK(same_bits(first, device->total(&n_rows)));  // repeats to the last bit
      }
    }
  }
}

void bad_rows_change_nothing() {
  const Matrix z = oracle::random_matrix(900, 70, 11);
  for (const bool on_device : {true, false}) {
    for (const bool by_columns : {true, false}) {
      Rows good(z, DType::float32, by_columns);
      Rows bad(z, DType::float32, by_columns);
      bad.set(800, 3, infinity);
      bad.set(517, 69, nan);
      bad.set(517, 68, -infinity);
      bad.set(600, 0, nan);
      const std::unique_ptr<GramAccumulator> device(make(z.cols));
      device->update(good.on_host());
      std::int64_t n_rows = 0;
      const GramSum before = device->total(&n_rows);
      const Source source = on_device ? bad.on_device() : bad.on_host();
      CHECK_THROWS(device->update(source), rankme::NonFiniteError, "Z[517, 68] is -inf");
      CHECK(same_bits(before, device->total(&n_rows)));
      CHECK(n_rows == z.rows);
      device->update(good.on_host());
      CHECK(device->n_rows() == 2 * z.rows);
      CHECK_THROWS(rankme::cuda::singular_values(source, false, false, rankme::Method::gram,
                                                 Precision::float64, 0),
                   rankme::NonFiniteError, "Z[517, 68]");
    }
  }
  const std::unique_ptr<GramAccumulator> device(make(z.cols + 1));
  Rows rows(z, DType::float64);
  CHECK_THROWS(device->update(rows.on_host()), std::invalid_argument, "columns");
}

void extremes_keep_their_digits() {
  for (const double size : {1e-300, 1e-200, 1e-40, 1.0, 1e40, 1e200, 1e300}) {
    Matrix z = oracle::random_matrix(80, 12, 12, 0.8);
    for (double& x : z.entries) x *= size;
    agrees(z, DType::float64);
    agrees(z, DType::float64, true);
  }
  // Larger and smaller rows after the first ones.
  for (const double second : {1e-250, 1e250}) {
    const Matrix z = oracle::random_matrix(80, 12, 13, 0.8);
    Matrix other = z;
    for (double& x : other.entries) x *= second;
    Rows first(z, DType::float64);
    Rows then(other, DType::float64);
    rankme::GramAccumulator host(z.cols, false, 3);
    const std::unique_ptr<GramAccumulator> device(make(z.cols));
    for (Rows* rows : {&first, &then}) {
      host.update(rows->host_view());
      device->update(rows->on_device());
    }
    std::int64_t n_rows = 0;
    compare_sums(device->total(&n_rows), host.total(&n_rows).uncentred(nullptr), 1e-13);
  }
}

void merges_and_moves() {
  const Matrix z = oracle::random_matrix(600, 40, 14);
  Rows rows(z, DType::float64);
  std::int64_t n_rows = 0;
  const std::unique_ptr<GramAccumulator> whole(make(z.cols));
  whole->update(rows.on_device());
  const std::unique_ptr<GramAccumulator> part(make(z.cols));
  Source source = rows.on_device();
  Source head = source;
  head.view = source.view.row_range(0, 200);
  Source tail = source;
  tail.view = source.view.row_range(200, 600);
  part->update(head);
  const std::unique_ptr<GramAccumulator> other(make(z.cols));
  other->update(tail);
  part->merge(*other);
  CHECK(part->n_rows() == 600);
  compare_sums(part->total(&n_rows), whole->total(&n_rows), 1e-13);
  // By way of the host, bit for bit.
  const GramSum sum = whole->total(&n_rows);
  const GramAccumulator copy(sum, n_rows, false, 3, 0, Precision::float64);
  CHECK(same_bits(copy.total(&n_rows), sum));
  part->merge(*part);
  CHECK(part->n_rows() == 1200);
  const std::string shard = "a";
  part->update(head, &shard);
  other->update(tail, &shard);
  CHECK((part->shards() == rankme::ShardRows{{"a", 200}}));
  CHECK_THROWS(part->merge(*other), rankme::DuplicateShardError, "'a'");
  CHECK(part->n_rows() == 1400);
  const std::unique_ptr<GramAccumulator> wider(make(z.cols + 1));
  CHECK_THROWS(part->merge(*wider), std::invalid_argument, "dim");
  part->reset();
  CHECK(part->n_rows() == 0 && part->shards().empty());
  CHECK_THROWS(part->spectrum(false, &n_rows), std::invalid_argument, "no rows");
}

void fast_is_honest() {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    for (const double decay : {1.0, 0.9}) {
      for (const bool by_columns : {false, true}) {
        Rows rows(oracle::random_matrix(9000, 96, 15, decay), dtype, by_columns);
        rankme::GramAccumulator host(96, false, 3);
        host.update(rows.host_view());
        std::int64_t n_rows = 0;
        const SingularValues wanted = rankme::singular_values(host, false, &n_rows);
        for (const bool on_device : {true, false}) {
          const std::unique_ptr<GramAccumulator> device(make(96, false, Precision::fast));
          device->update(on_device ? rows.on_device() : rows.on_host());
          CHECK(device->fast_rows() == 9000);
          const SingularValues got = device->spectrum(false, &n_rows);
          for (std::size_t k = 0; k < wanted.scaled.size(); ++k) {
            CHECK(got.low[k] <= wanted.scaled[k] && wanted.scaled[k] <= got.high[k]);
          }
          CHECK_CLOSE(got.scaled[0], wanted.scaled[0], 1e-5);
        }
      }
    }
  }
  // What tensor cores cannot do goes the other way, and says so.
  const std::unique_ptr<GramAccumulator> device(make(20, false, Precision::fast));
  Rows singles(oracle::random_matrix(50, 20, 16), DType::float32);
  device->update(singles.on_device());
  Matrix huge = oracle::random_matrix(50, 20, 17);
  for (double& x : huge.entries) x *= 1e30;
  Rows wide(huge, DType::bfloat16);
  device->update(wide.on_device());
  CHECK(device->fast_rows() == 0);
}

void threads_take_turns() {
  const Matrix z = oracle::random_matrix(500, 64, 18);
  Rows rows(z, DType::float32);
  const Source source = rows.on_device();
  const std::unique_ptr<GramAccumulator> shared(make(z.cols));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) shared->update(source);
      const std::unique_ptr<GramAccumulator> own(make(z.cols));
      own->update(source);
      std::int64_t n_rows = 0;
      own->spectrum(true, &n_rows);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(shared->n_rows() == 4 * 5 * z.rows);
}

void memory_that_is_short_loses_nothing() {
  const std::unique_ptr<GramAccumulator> device(make(32));
  Rows rows(oracle::random_matrix(100, 32, 19), DType::float32);
  device->update(rows.on_host());
  std::int64_t n_rows = 0;
  const GramSum before = device->total(&n_rows);
  CHECK_THROWS(GramAccumulator(2000000, false, 3, 0, Precision::float64), rankme::OutOfMemory,
               "2000000 x 2000000");
  device->set_products(0, 1, std::int64_t{1} << 50);  // blocks as large as the rows ask for
  Rows narrow(oracle::random_matrix(1, 32, 20), DType::float64);
  Source endless = narrow.on_device();
  endless.view.row_stride = 0;
  endless.view.rows = std::int64_t{1} << 34;  // 4 TiB of float64
  CHECK_THROWS(device->update(endless), rankme::OutOfMemory, "a row block");
  CHECK(same_bits(before, device->total(&n_rows)));
  device->set_products(0, 1, 0);
  device->update(rows.on_host());
  CHECK(device->n_rows() == 200);
}

}  // namespace

int main() {
  if (gpu::missing()) return gpu::skipped;
  gpu::run_case("agrees for all layouts", agrees_for_all_layouts);
  gpu::run_case("ways agree", ways_agree);
  gpu::run_case("bad rows change nothing", bad_rows_change_nothing);
  gpu::run_case("extremes keep their digits", extremes_keep_their_digits);
  gpu::run_case("merges and moves", merges_and_moves);
  gpu::run_case("fast is honest", fast_is_honest);
  gpu::run_case("threads take turns", threads_take_turns);
  gpu::run_case("memory that is short loses nothing", memory_that_is_short_loses_nothing);
  return check::finish("cuda gram");
}
