// Batches on a GPU against the host's one-shot call on each matrix.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "check.hpp"
#include "gpu.hpp"
#include "oracle.hpp"
#include "rankme/cuda/batch.hpp"
#include "rankme/cuda/buffer.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/device.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/spectrum.hpp"

using oracle::Matrix;
using rankme::DType;
using rankme::MatrixView;
using rankme::Method;
using rankme::cuda::BatchSource;
using rankme::cuda::BatchSpectra;

namespace {

constexpr int workers = 2;

// Matrices one after the other in one piece of memory, here and on the device.
class Batch {
public:
  // float16 and bfloat16 by their bits: entries are small integers, which both hold exactly.
  void add(const Matrix& z, DType dtype, bool by_columns = false) {
    const std::int64_t item = rankme::item_size(dtype);
    bytes_.resize((bytes_.size() + 15) / 16 * 16);
    const std::size_t begin = bytes_.size();
    bytes_.resize(begin + static_cast<std::size_t>(z.rows * z.cols * item));
    MatrixView view{nullptr, dtype, z.rows, z.cols, z.cols * item, item};
    if (by_columns) view = {nullptr, dtype, z.rows, z.cols, item, z.rows * item};
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) {
        write(z(i, j), dtype, bytes_.data() + begin + i * view.row_stride + j * view.col_stride);
      }
    }
    begins_.push_back(begin);
    views_.push_back(view);
  }

  BatchSource on_host() const {
    BatchSource source{views_, false, {}};
    for (std::size_t i = 0; i < views_.size(); ++i) {
      source.views[i].data = bytes_.data() + begins_[i];
    }
    return source;
  }

  // Valid as long as the batch.
  BatchSource on_device() {
    const rankme::cuda::DeviceSwitch device(0);
    memory_ = {static_cast<std::int64_t>(bytes_.size()), "a test"};
    RANKME_CUDA(cudaMemcpy(memory_.data(), bytes_.data(), bytes_.size(), cudaMemcpyHostToDevice));
    BatchSource source{views_, true, {}};
    for (std::size_t i = 0; i < views_.size(); ++i) {
      source.views[i].data = memory_.data() + begins_[i];
    }
    return source;
  }

private:
  static void write(double x, DType dtype, std::byte* to) {
    if (dtype == DType::float64) {
      std::memcpy(to, &x, sizeof x);
      return;
    }
    const auto single = static_cast<float>(x);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &single, sizeof bits);
    if (dtype == DType::float32) {
      std::memcpy(to, &bits, sizeof bits);
      return;
    }
    auto half = static_cast<std::uint16_t>(bits >> 16);
    if (dtype == DType::float16) {
      const std::uint32_t sign = bits >> 16 & 0x8000u;
      const bool special = (bits >> 23 & 0xff) == 0xff;
      const std::uint32_t size = special ? 0x7c00u + (bits & 0x7fffff ? 1 : 0)
                                 : (bits & 0x7fffffff) == 0
                                     ? 0
                                     : ((bits & 0x7fffffff) - (112u << 23)) >> 13;
      half = static_cast<std::uint16_t>(sign | size);
    }
    std::memcpy(to, &half, sizeof half);
  }

  std::vector<std::byte> bytes_;
  std::vector<std::size_t> begins_;
  std::vector<MatrixView> views_;
  rankme::cuda::DeviceBuffer<std::byte> memory_;
};

BatchSpectra computed(const BatchSource& source, bool center = false, bool normalize = false,
                      Method method = Method::gram) {
  return rankme::cuda::singular_values(source, center, normalize, method,
                                       rankme::cuda::Precision::float64, 0, workers);
}

std::span<const double> part(const std::vector<double>& all, const BatchSpectra& spectra,
                             std::size_t matrix) {
  return std::span(all).subspan(
      static_cast<std::size_t>(spectra.offsets[matrix]),
      static_cast<std::size_t>(spectra.offsets[matrix + 1] - spectra.offsets[matrix]));
}

// Every matrix against rankme::singular_values: both intervals hold the exact value, so they meet.
void compare(const BatchSpectra& got, const BatchSource& host, bool center, bool normalize,
             bool same_score, const std::string& name, Method method = Method::gram) {
  for (std::size_t b = 0; b < host.views.size(); ++b) {
    const rankme::SingularValues wanted =
        rankme::singular_values(host.views[b], center, normalize, method);
    const auto scaled = part(got.scaled, got, b);
    const auto low = part(got.low, got, b);
    const auto high = part(got.high, got, b);
    const int shift = got.exponents[b] - wanted.exponent;
    const std::string where = name + " matrix " + std::to_string(b);
    check::report(scaled.size() == wanted.scaled.size(), __FILE__, __LINE__, where + ": count");
    bool meet = true;
    for (std::size_t k = 0; k < std::min(scaled.size(), wanted.scaled.size()); ++k) {
      meet = meet && std::ldexp(low[k], shift) <= wanted.high[k] &&
             wanted.low[k] <= std::ldexp(high[k], shift) && low[k] <= scaled[k] &&
             scaled[k] <= high[k];
    }
    check::report(meet, __FILE__, __LINE__, where + ": intervals meet");
    if (!same_score) continue;
    const double score = rankme::rankme(scaled, 1e-7);
    const double right = rankme::rankme(wanted.scaled, 1e-7);
    check::report(std::abs(score - right) <= 1e-10 * std::max(right, 1e-300), __FILE__, __LINE__,
                  where + check::against(score, right));
  }
}

// Integers from -8 to 8, which every dtype holds.
Matrix integers(std::int64_t rows, std::int64_t cols, unsigned seed) {
  Matrix z = oracle::random_matrix(rows, cols, seed);
  for (double& x : z.entries) x = std::clamp(std::nearbyint(4 * x), -8.0, 8.0);
  return z;
}

void every_shape_and_dtype() {
  constexpr std::int64_t shapes[][2] = {
      {1, 1},    {1, 40},  {40, 1},  {2, 3},    {16, 64},  {17, 33},   {33, 17}, {50, 999},
      {999, 50}, {64, 64}, {63, 80}, {500, 63}, {500, 64}, {64, 4096}, {65, 70}, {90, 80}};
  for (const bool center : {false, true}) {
    for (const bool normalize : {false, true}) {
      Batch batch;
      unsigned seed = 0;
      for (const auto& [rows, cols] : shapes) {
        for (const DType dtype :
             {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
          ++seed;
          batch.add(integers(rows, cols, seed), dtype, seed % 3 == 0);
        }
      }
      const std::string name =
          std::string(center ? "centred" : "plain") + (normalize ? " normalised" : "");
      const BatchSource host = batch.on_host();
      const BatchSpectra on_device = computed(batch.on_device(), center, normalize);
      compare(on_device, host, center, normalize, !center, name);
      // A centred matrix of few rows has values that are rounding and count in neither score alike;
      // their intervals meet.
      const BatchSpectra streamed = computed(host, center, normalize);
      compare(streamed, host, center, normalize, !center, name + " streamed");
    }
  }
}

void collapsed_matrices() {
  Batch batch;
  Matrix equal(20, 60);
  for (double& x : equal.entries) x = 3;
  batch.add(equal, DType::float32);
  batch.add(Matrix(20, 60), DType::float16);  // zeros
  Matrix repeated = integers(30, 60, 5);
  for (std::int64_t i = 10; i < 30; ++i) {
    for (std::int64_t j = 0; j < 60; ++j) repeated(i, j) = repeated(i % 10, j);
  }
  batch.add(repeated, DType::bfloat16);
  Matrix far = integers(200, 30, 6);
  for (double& x : far.entries) x += 1000;
  batch.add(far, DType::float64);
  batch.add(oracle::transpose(far), DType::float64);
  for (const bool center : {false, true}) {
    const BatchSpectra got = computed(batch.on_device(), center);
    compare(got, batch.on_host(), center, false, false,
            center ? "collapsed, centred" : "collapsed");
    CHECK(rankme::rankme(part(got.scaled, got, 1), 1e-7) == 0);
    if (center) CHECK(rankme::rankme(part(got.scaled, got, 0), 1e-7) == 0);
  }
}

void extreme_entries() {
  for (const double factor : {0x1p900, 0x1p-900, 0x1p-1060}) {
    for (const bool normalize : {false, true}) {
      Batch batch;
      for (const bool tall : {false, true}) {
        Matrix z = integers(tall ? 90 : 9, tall ? 9 : 90, 8);
        for (double& x : z.entries) x *= factor;
        batch.add(z, DType::float64, tall);
      }
      const BatchSpectra got = computed(batch.on_device(), false, normalize);
      compare(got, batch.on_host(), false, normalize, true, "times " + std::to_string(factor));
    }
  }
}

// More matrices than one chunk holds, and each result where it belongs.
void many_matrices() {
  const std::int64_t count = gpu::short_run() ? 3000 : 140000;
  Batch batch;
  for (std::int64_t b = 0; b < count; ++b) {
    Matrix z(2, 3);
    z(0, 0) = 1;
    z(1, 1) = static_cast<double>(b + 1);
    batch.add(z, DType::float32);
  }
  for (const bool on_device : {true, false}) {
    const BatchSpectra got = computed(on_device ? batch.on_device() : batch.on_host());
    bool right = true;
    for (std::size_t b = 0; b < got.exponents.size(); ++b) {
      const auto values = part(got.scaled, got, b);
      right = right && std::abs(values[0] - static_cast<double>(b + 1)) <= 1e-9 * values[0] &&
              std::abs(values[1] - 1) <= 1e-5;
    }
    CHECK(right);
  }
}

void bad_entries() {
  for (const DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
    for (const bool large : {false, true}) {
      Batch batch;
      for (int b = 0; b < 300; ++b) {
        Matrix z = integers(large && b == 100 ? 70 : 6, 90, 11);
        if (b == 100) z(4, 7) = -HUGE_VAL;
        if (b == 100) z(5, 0) = HUGE_VAL;
        if (b > 200) z(0, 0) = std::numeric_limits<double>::quiet_NaN();
        batch.add(z, dtype);
      }
      for (const bool on_device : {true, false}) {
        try {
          (void)computed(on_device ? batch.on_device() : batch.on_host());
          CHECK(!"a bad entry was taken");
        } catch (const rankme::NonFiniteError& error) {
          CHECK(error.matrix() == 100);
          CHECK(error.row() == 4 && error.column() == 7);
          CHECK(error.value() == -HUGE_VAL);
        }
      }
    }
  }
}

void results_repeat() {
  Batch batch;
  for (unsigned b = 0; b < 40; ++b) batch.add(oracle::random_matrix(50, 3000, b), DType::float32);
  const BatchSpectra first = computed(batch.on_device());
  const BatchSpectra second = computed(batch.on_device());
  CHECK(first.scaled == second.scaled && first.low == second.low && first.high == second.high);
  compare(first, batch.on_host(), false, false, true, "50 x 3000");
}

void by_qr() {
  Batch batch;
  batch.add(integers(20, 30, 1), DType::float32);
  batch.add(integers(30, 20, 2), DType::float64);
  compare(computed(batch.on_device(), true, false, Method::qr), batch.on_host(), true, false, false,
          "qr", Method::qr);
}

void empty_matrices_are_refused() {
  BatchSource source{{MatrixView{}}, true, {}};
  CHECK_THROWS(computed(source), std::invalid_argument, "empty");
}

}  // namespace

int main() {
  if (gpu::missing()) return gpu::skipped;
  gpu::run_case("every shape and dtype", every_shape_and_dtype);
  gpu::run_case("collapsed matrices", collapsed_matrices);
  gpu::run_case("extreme entries", extreme_entries);
  gpu::run_case("many matrices", many_matrices);
  gpu::run_case("bad entries", bad_entries);
  gpu::run_case("results repeat", results_repeat);
  gpu::run_case("by QR", by_qr);
  gpu::run_case("empty matrices are refused", empty_matrices_are_refused);
  return check::finish("batch");
}
