#include <algorithm>
#include <string>
#include <utility>

#include "kernels/kernels.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/memory.hpp"
#include "rankme/probe.hpp"

namespace rankme::cuda {

namespace {

DeviceBuffer<double> doubles(std::int64_t rows, std::int64_t cols, const std::string& purpose) {
  const double count = static_cast<double>(rows) * static_cast<double>(cols);
  // Past 2^59 numbers their bytes would wrap.
  if (count > 0x1p59) throw OutOfMemory(purpose, 8 * count);
  return {rows * cols, purpose};
}

std::string gram_purpose(std::int64_t dim) {
  return "a float64 Gram matrix of " + std::to_string(dim) + " x " + std::to_string(dim);
}

void copy(double* to, const double* from, std::int64_t count, cudaMemcpyKind kind,
          cudaStream_t stream) {
  RANKME_CUDA(
      cudaMemcpyAsync(to, from, static_cast<std::size_t>(count) * sizeof(double), kind, stream));
}

void clear_buffer(const DeviceBuffer<double>& buffer, cudaStream_t stream) {
  RANKME_CUDA(cudaMemsetAsync(buffer.data(), 0,
                              static_cast<std::size_t>(buffer.size()) * sizeof(double), stream));
}

}  // namespace

DeviceSum::DeviceSum(std::int64_t dim_)
    : dim(valid_dim(dim_)),
      gram(doubles(dim_, dim_, gram_purpose(dim_))),
      column_sums(dim_, "column sums"),
      probe_products(dim_ * probe_count, "probe products") {}

void DeviceSum::clear(cudaStream_t stream) {
  clear_buffer(gram, stream);
  clear_buffer(column_sums, stream);
  clear_buffer(probe_products, stream);
  exponent = 0;
  zero = true;
  blocks = longest_block = 0;
}

void DeviceSum::rescale(int new_exponent, cudaStream_t stream) {
  const int shift = exponent - new_exponent;
  RANKME_CUDA(scale(gram.data(), dim * dim, 2 * shift, stream));
  RANKME_CUDA(scale(column_sums.data(), dim, shift, stream));
  RANKME_CUDA(scale(probe_products.data(), probe_products.size(), 2 * shift, stream));
  exponent = new_exponent;
}

void DeviceSum::add(const DeviceSum& other, cudaStream_t stream) {
  if (!other.zero) {
    if (zero) exponent = other.exponent;
    if (other.exponent > exponent) rescale(other.exponent, stream);
    const int shift = other.exponent - exponent;
    RANKME_CUDA(add_triangle(gram.data(), other.gram.data(), dim, 2 * shift, stream));
    RANKME_CUDA(add_scaled(column_sums.data(), other.column_sums.data(), dim, shift, stream));
    RANKME_CUDA(add_scaled(probe_products.data(), other.probe_products.data(),
                           probe_products.size(), 2 * shift, stream));
    zero = false;
  }
  // The numbers last: what is above may throw. As GramSum::add counts them.
  const int once_more = blocks > 0 && other.blocks > 0 ? 1 : 0;
  constexpr std::int64_t most = std::int64_t{1} << 61;
  blocks = std::min(blocks, most) + std::min(other.blocks, most) + once_more;
  longest_block = std::max(longest_block, other.longest_block);
}

GramSum DeviceSum::to_host(cudaStream_t stream) const {
  GramSum sum(dim);
  sum.exponent = exponent;
  sum.blocks = blocks;
  sum.longest_block = longest_block;
  copy(sum.gram.data(), gram.data(), dim * dim, cudaMemcpyDeviceToHost, stream);
  copy(sum.column_sums.data(), column_sums.data(), dim, cudaMemcpyDeviceToHost, stream);
  copy(sum.probe_products.data(), probe_products.data(), probe_products.size(),
       cudaMemcpyDeviceToHost, stream);
  RANKME_CUDA(cudaStreamSynchronize(stream));
  return sum;
}

void DeviceSum::from_host(const GramSum& sum, cudaStream_t stream) {
  copy(gram.data(), sum.gram.data(), dim * dim, cudaMemcpyHostToDevice, stream);
  copy(column_sums.data(), sum.column_sums.data(), dim, cudaMemcpyHostToDevice, stream);
  copy(probe_products.data(), sum.probe_products.data(), probe_products.size(),
       cudaMemcpyHostToDevice, stream);
  RANKME_CUDA(cudaStreamSynchronize(stream));
  exponent = sum.exponent;
  zero = sum.is_zero();
  blocks = sum.blocks;
  longest_block = sum.longest_block;
}

DeviceProbes::DeviceProbes(std::int64_t dim, std::uint64_t seed)
    : host(gaussian_probes(dim, seed)),
      by_row(dim * probe_count, "probes"),
      by_probe(dim * probe_count, "probes") {
  std::vector<double> turned(host.size());
  for (std::int64_t j = 0; j < dim; ++j) {
    for (std::int64_t p = 0; p < probe_count; ++p) {
      turned[static_cast<std::size_t>(p * dim + j)] =
          host[static_cast<std::size_t>(j * probe_count + p)];
    }
  }
  const std::size_t bytes = host.size() * sizeof(double);
  RANKME_CUDA(cudaMemcpy(by_row.data(), host.data(), bytes, cudaMemcpyHostToDevice));
  RANKME_CUDA(cudaMemcpy(by_probe.data(), turned.data(), bytes, cudaMemcpyHostToDevice));
  // A copy from pageable memory may return before the device has it, and the streams of Resources
  // do not wait for the default stream.
  RANKME_CUDA(cudaStreamSynchronize(nullptr));
}

}  // namespace rankme::cuda
