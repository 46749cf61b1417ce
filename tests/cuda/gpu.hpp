// What tests on a GPU have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/cuda/buffer.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/device.hpp"
#include "rankme/cuda/source.hpp"

namespace gpu {

using oracle::Matrix;
using rankme::DType;
using rankme::MatrixView;
using rankme::cuda::DeviceBuffer;
using rankme::cuda::Source;

// The status by which ctest knows a skipped test.
constexpr int skipped = 77;

inline bool missing() {
  if (rankme::cuda::device_count() > 0) return false;
  std::puts("skipped: no CUDA device");
  return true;
}

// Where every kernel is watched and therefore slow.
inline bool short_run() { return std::getenv("RANKME_TEST_SHORT") != nullptr; }

// What a case throws is its failure. The next ones run as long as the device still answers.
template <class Case>
void run_case(const char* name, const Case& body) {
  std::printf("-- %s\n", name);
  std::fflush(stdout);
  try {
    body();
  } catch (const std::exception& error) {
    check::report(false, name, 0, error.what());
  }
}

// The bits of a number in a 16-bit format, cut off behind its mantissa.
inline std::uint16_t bits_of(double value, DType dtype) {
  const auto single = static_cast<float>(value);
  std::uint32_t bits = 0;
  std::memcpy(&bits, &single, sizeof bits);
  if (dtype == DType::bfloat16) return static_cast<std::uint16_t>(bits >> 16);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::int32_t exponent = static_cast<std::int32_t>(bits >> 23 & 0xff) - 127 + 15;
  if (exponent >= 31) return static_cast<std::uint16_t>(sign | 0x7c00 | (value != value ? 1 : 0));
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(exponent) << 10 |
                                    (bits & 0x7fffff) >> 13);
}

// A matrix in some memory layout, on the host and on the device.
class Rows {
public:
  // gap: bytes between two lines of memory. offset: of the first entry.
  Rows(const Matrix& z, DType dtype, bool by_columns = false, std::int64_t gap = 0,
       std::int64_t offset = 0)
      : bytes_(0) {
    const std::int64_t item = rankme::item_size(dtype);
    const std::int64_t line = (by_columns ? z.rows : z.cols) * item + gap;
    view_ = {nullptr, dtype, z.rows, z.cols, by_columns ? item : line, by_columns ? line : item};
    offset_ = offset;
    bytes_.resize(static_cast<std::size_t>(offset + line * (by_columns ? z.cols : z.rows)));
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) set(i, j, z(i, j));
    }
  }

  void set(std::int64_t i, std::int64_t j, double value) {
    std::byte* at = bytes_.data() + offset_ + i * view_.row_stride + j * view_.col_stride;
    if (view_.dtype == DType::float64) {
      std::memcpy(at, &value, sizeof value);
    } else if (view_.dtype == DType::float32) {
      const auto single = static_cast<float>(value);
      std::memcpy(at, &single, sizeof single);
    } else {
      const std::uint16_t bits = bits_of(value, view_.dtype);
      std::memcpy(at, &bits, sizeof bits);
    }
  }

  MatrixView host_view() const {
    MatrixView view = view_;
    view.data = bytes_.data() + offset_;
    return view;
  }
  Source on_host() const { return {host_view(), false, std::nullopt}; }
  Source on_device() {
    const auto size = static_cast<std::int64_t>(bytes_.size());
    device_ = DeviceBuffer<std::byte>(size, "a test");
    RANKME_CUDA(cudaMemcpy(device_.data(), bytes_.data(), bytes_.size(), cudaMemcpyHostToDevice));
    RANKME_CUDA(cudaDeviceSynchronize());
    MatrixView view = view_;
    view.data = device_.data() + offset_;
    return {view, true, std::nullopt};
  }

private:
  std::vector<std::byte> bytes_;
  MatrixView view_;
  std::int64_t offset_ = 0;
  DeviceBuffer<std::byte> device_;
};

}  // namespace gpu
