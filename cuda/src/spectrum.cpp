#include "rankme/cuda/spectrum.hpp"

#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "feed.hpp"
#include "kernels/kernels.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/block.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/qr.hpp"
#include "rankme/probe.hpp"
#include "rankme/widen.hpp"
#include "staging.hpp"

namespace rankme::cuda {

namespace {

std::vector<double> to_host(const double* from, std::int64_t count, cudaStream_t stream) {
  std::vector<double> host(static_cast<std::size_t>(count));
  RANKME_CUDA(cudaMemcpyAsync(host.data(), from, host.size() * sizeof(double),
                              cudaMemcpyDeviceToHost, stream));
  RANKME_CUDA(cudaStreamSynchronize(stream));
  return host;
}

template <class T>
DeviceBuffer<T> to_device(const std::vector<T>& host, cudaStream_t stream) {
  DeviceBuffer<T> device(static_cast<std::int64_t>(host.size()), "numbers on their way");
  RANKME_CUDA(cudaMemcpyAsync(device.data(), host.data(), host.size() * sizeof(T),
                              cudaMemcpyHostToDevice, stream));
  RANKME_CUDA(cudaStreamSynchronize(stream));
  return device;
}

// ---- one sum -----------------------------------------------------------------------------------

struct Measurement {
  GramAccuracy accuracy;
  std::vector<double> diagonal;
  std::vector<double> column_sums;
};

// The device measures, the host judges. Throws IntegrityError.
Measurement measure(Resources& resources, const DeviceSum& sum, const DeviceProbes& probes) {
  const std::int64_t dim = sum.dim;
  const int order = static_cast<int>(dim);
  const std::int64_t residuals = dim * probe_count;
  resources.scratch.reserve(2 * dim + residuals,
                            "a norm, a diagonal and the residual of the probes");
  double* squares = resources.scratch.data();
  double* diagonal = squares + dim;
  double* difference = diagonal + dim;
  RANKME_CUDA(triangle_squares(sum.gram.data(), dim, squares, diagonal, resources.work));
  RANKME_CUDA(cudaMemcpyAsync(difference, sum.probe_products.data(),
                              static_cast<std::size_t>(residuals) * sizeof(double),
                              cudaMemcpyDeviceToDevice, resources.work));
  const double one = 1;
  const double minus_one = -1;
  // To cuBLAS the probes are 8 x dim and the matrix has its upper triangle.
  RANKME_CUDA(cublasDsymm(resources.blas, CUBLAS_SIDE_RIGHT, CUBLAS_FILL_MODE_UPPER, probe_count,
                          order, &one, sum.gram.data(), order, probes.by_row.data(), probe_count,
                          &minus_one, difference, probe_count));
  Measurement result{{},
                     to_host(diagonal, dim, resources.work),
                     to_host(sum.column_sums.data(), dim, resources.work)};
  const std::vector<double> parts = to_host(squares, dim, resources.work);
  Measured measured{};
  measured.dim = dim;
  measured.depth = addition_depth(sum.blocks, sum.longest_block);
  measured.trace = std::accumulate(result.diagonal.begin(), result.diagonal.end(), 0.0);
  measured.frobenius = std::sqrt(std::accumulate(parts.begin(), parts.end(), 0.0));
  measured.residual = euclidean_norm(to_host(difference, residuals, resources.work));
  measured.probes_norm = euclidean_norm(probes.host);
  result.accuracy = judge(measured);
  return result;
}

// G <- H G H with H = I - 1 1^T / N, where G = Z Z^T is the N x N Gram matrix of the rows.
void center_both_sides(Resources& resources, DeviceSum& sum) {
  const std::int64_t n = sum.dim;
  const int order = static_cast<int>(n);
  const DeviceBuffer<double> ones(n, "a vector of ones");
  const DeviceBuffer<double> totals(n, "the sums of rows");
  RANKME_CUDA(fill(ones.data(), n, 1, resources.work));
  const double share = 1 / static_cast<double>(n);
  const double nothing = 0;
  RANKME_CUDA(cublasDsymv(resources.blas, CUBLAS_FILL_MODE_UPPER, order, &share, sum.gram.data(),
                          order, ones.data(), 1, &nothing, totals.data(), 1));
  const std::vector<double> means = to_host(totals.data(), n, resources.work);
  double grand_mean = 0;
  for (const double mean : means) grand_mean += mean * share;
  std::vector<double> shifts = means;
  for (double& shift : shifts) shift -= grand_mean;
  const DeviceBuffer<double> by_row = to_device(shifts, resources.work);
  RANKME_CUDA(subtract_means(sum.gram.data(), n, totals.data(), by_row.data(), resources.work));
  resources.work.synchronize();
}

// ---- one matrix --------------------------------------------------------------------------------

Source turned(const Source& source) {
  return {source.view.transposed(), source.on_device, source.producer};
}

// Both factors of unit_scale() of every row, one after the other.
DeviceBuffer<double> scales_of_rows(Resources& resources, const Source& source) {
  const std::int64_t rows = source.view.rows;
  DeviceBuffer<double> scales(2 * rows, "the norms of rows");
  FeedPlan plan;
  const std::int64_t bytes = default_block_bytes(resources);
  plan.cut =
      plan_blocks(rows, source.view.cols, {},
                  {bytes, source.on_device ? bytes : staging_bytes, item_size(source.view.dtype)});
  FeedUser user;
  user.on_portion = [&](const DeviceBlock& block, std::int64_t row) {
    RANKME_CUDA(row_scales(block, scales.data() + row, scales.data() + rows + row, resources.load));
  };
  feed(resources, source, {}, plan, user);
  return scales;
}

// A part of the source as float64 numbers on the host.
std::vector<double> fetch(Resources& resources, const MatrixView& part) {
  const std::int64_t stride = (part.cols + 3) / 4 * 4;
  const DeviceBuffer<double> wide(part.rows * stride, "a sample of rows");
  resources.flags.reserve(sizeof(Flags) / sizeof(std::uint64_t), "the flags of a pass");
  const DeviceBlock block{wide.data(), part.rows, part.cols, stride, part.rows};
  RANKME_CUDA(cuda::widen(part, block, {0, part.cols, 1},
                          reinterpret_cast<Flags*>(resources.flags.data()), resources.load));
  const std::vector<double> padded = to_host(wide.data(), part.rows * stride, resources.load);
  std::vector<double> numbers;
  numbers.reserve(static_cast<std::size_t>(part.rows * part.cols));
  for (std::int64_t i = 0; i < part.rows; ++i) {
    const auto row = padded.begin() + i * stride;
    numbers.insert(numbers.end(), row, row + part.cols);
  }
  return numbers;
}

// As rankme::mean_dominates, wherever the rows are.
bool mean_dominates(Resources& resources, const Source& source, bool normalize) {
  const MatrixView sample = sample_of(source.view);
  if (!source.on_device) return rankme::mean_dominates(sample, normalize);
  const std::vector<double> numbers = fetch(resources, sample);
  return rankme::mean_dominates(view_of(numbers.data(), sample.rows, sample.cols), normalize);
}

// The first row as it enters the sum. Throws where it is not finite.
std::vector<double> first_row(Resources& resources, const Source& source, bool normalize) {
  MatrixView first = source.view.row_range(0, 1);
  std::vector<double> fetched;
  if (source.on_device) {
    fetched = fetch(resources, first);
    first = view_of(fetched.data(), 1, first.cols);
  }
  std::vector<double> row(static_cast<std::size_t>(first.cols));
  if (!rankme::widen(first, Layout::row_major, row.data()).finite) throw_first_nonfinite(first);
  if (normalize) normalize_rows({row.data(), 1, first.cols, Layout::row_major});
  return row;
}

// What is done to the rows of a whole matrix, and the device memory that it takes.
struct Prepared {
  DevicePreparation preparation;
  std::optional<DeviceBuffer<double>> scales;
  std::optional<DeviceBuffer<double>> origin;
};

Prepared prepare(Resources& resources, const Source& source, bool wide, bool normalize) {
  Prepared prepared;
  prepared.preparation.transposed = wide;
  prepared.preparation.normalize = !wide && normalize;
  if (wide && normalize) {
    prepared.scales = scales_of_rows(resources, source);
    prepared.preparation.column_powers = prepared.scales->data();
    prepared.preparation.column_inverses = prepared.scales->data() + source.view.rows;
  }
  return prepared;
}

const DeviceProbes& one_shot_probes(Resources& resources, std::int64_t dim) {
  if (!resources.probes || resources.probes->by_row.size() != dim * probe_count) {
    resources.probes = std::make_shared<const DeviceProbes>(dim, 0);
  }
  return *resources.probes;
}

SingularValues by_gram(Resources& resources, const Source& source, bool center, bool normalize,
                       Precision precision) {
  const MatrixView& z = source.view;
  const bool wide = z.rows < z.cols;
  const std::int64_t order = wide ? z.rows : z.cols;
  Prepared prepared = prepare(resources, source, wide, normalize);
  if (center && mean_dominates(resources, source, normalize)) {
    prepared.preparation.subtract_first_column = wide;
    if (!wide) {
      prepared.origin = to_device(first_row(resources, source, normalize), resources.work);
      prepared.preparation.subtract_row = prepared.origin->data();
    }
  }
  DeviceSum sum(order);
  const DeviceProbes& probes = one_shot_probes(resources, order);
  PassOptions options;
  options.plan = choose_syrk(order, resources.multiprocessors);
  options.precision = precision;
  gram_pass(resources, wide ? turned(source) : source, prepared.preparation, probes, options, sum);
  if (!center || !wide) return spectrum_of(resources, sum, probes, z.rows, center, normalize);

  // Rows of Z: the mean is taken over all of them, those of zeros as well.
  GramAccuracy accuracy = measure(resources, sum, probes).accuracy;
  accuracy.delta += two_sided_centering_error(order, accuracy);
  center_both_sides(resources, sum);
  const std::vector<double> ascending = symmetric_eigenvalues(resources, sum.gram.data(), order);
  return from_eigenvalues(ascending, sum.exponent, extent_of(z.rows, z.cols, center, normalize),
                          accuracy, subtraction_error(accuracy));
}

SingularValues by_qr(Resources& resources, const Source& source, bool center, bool normalize) {
  const MatrixView& z = source.view;
  const bool wide = z.rows < z.cols;
  const Prepared prepared = prepare(resources, source, wide, normalize);
  QrAccumulator accumulator(wide ? z.rows : z.cols, !wide && normalize,
                            wide ? Means::none : Means::kept, resources.device);
  accumulator.update(wide ? turned(source) : source, prepared.preparation);
  std::int64_t rows = 0;
  QrFactor factor = accumulator.total(&rows);
  const double error = factor.error(rows);  // relative to the rows as they came
  if (center && wide) factor.center_rows();
  return from_factor_values(singular_values(resources, factor, center && !wide),
                            extent_of(z.rows, z.cols, center, normalize), error);
}

}  // namespace

SingularValues spectrum_of(Resources& resources, const DeviceSum& sum, const DeviceProbes& probes,
                           std::int64_t n_rows, bool center, bool normalize) {
  const Measurement measurement = measure(resources, sum, probes);
  GramAccuracy accuracy = measurement.accuracy;
  const double n = static_cast<double>(n_rows);
  if (center) {
    accuracy.delta += column_centering_error(addition_depth(sum.blocks, sum.longest_block),
                                             measurement.column_sums, accuracy.trace, n);
  }
  const Extent extent = extent_of(n_rows, sum.dim, center, normalize);
  // Asked before centring: a diagonal entry that centring has cancelled is rounding, and no exact
  // zero.
  const std::vector<std::int64_t> live =
      live_dimensions(measurement.diagonal.data(), 1, measurement.column_sums.data(), sum.dim);
  const double absolute = center ? subtraction_error(accuracy) : 0;
  if (live.empty()) return from_eigenvalues({}, sum.exponent, extent, accuracy, absolute);
  const auto order = static_cast<std::int64_t>(live.size());
  // The row blocks have gone by: their memory holds the copy that the solver destroys.
  resources.blocks[0].reserve(order * order, "a copy of the Gram matrix");
  double* matrix = resources.blocks[0].data();
  DeviceBuffer<std::int64_t> kept;
  if (order < sum.dim) kept = to_device(live, resources.work);
  RANKME_CUDA(keep_dimensions(matrix, order, sum.gram.data(), sum.dim, kept.data(),
                              center ? sum.column_sums.data() : nullptr, n, resources.work));
  const std::vector<double> ascending = symmetric_eigenvalues(resources, matrix, order);
  return from_eigenvalues(ascending, sum.exponent, extent, accuracy, absolute);
}

SingularValues singular_values(const Source& source, bool center, bool normalize, Method method,
                               Precision precision, int device) {
  if (source.view.rows < 1 || source.view.cols < 1) {
    throw std::invalid_argument("the spectrum of an empty matrix");
  }
  Lease resources(device);
  wait_for_producer(*resources, source.producer);
  return method == Method::qr ? by_qr(*resources, source, center, normalize)
                              : by_gram(*resources, source, center, normalize, precision);
}

}  // namespace rankme::cuda
