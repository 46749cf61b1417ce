#include "rankme/cuda/qr.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "feed.hpp"
#include "kernels/kernels.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/memory.hpp"
#include "solver.hpp"
#include "staging.hpp"

namespace rankme::cuda {

namespace {

std::string factor_purpose(std::int64_t order) {
  return "a float64 triangular factor of " + std::to_string(order) + " x " + std::to_string(order);
}

DeviceBuffer<double> factor_buffer(std::int64_t order) {
  const double count = static_cast<double>(order) * static_cast<double>(order);
  if (count > 0x1p59) throw OutOfMemory(factor_purpose(order), 8 * count);
  return {order * order, factor_purpose(order)};
}

void copy(double* to, const double* from, std::int64_t count, cudaMemcpyKind kind,
          cudaStream_t stream) {
  RANKME_CUDA(
      cudaMemcpyAsync(to, from, static_cast<std::size_t>(count) * sizeof(double), kind, stream));
}

void clear(const DeviceBuffer<double>& factor, cudaStream_t stream) {
  RANKME_CUDA(cudaMemsetAsync(factor.data(), 0,
                              static_cast<std::size_t>(factor.size()) * sizeof(double), stream));
}

// R <- the triangular factor of a stack of rows, column-major. The stack is destroyed.
class Elimination {
public:
  Elimination(Resources& resources, std::int64_t order, std::int64_t most_rows)
      : resources_(resources),
        order_(order),
        stack_((order + most_rows) * order, "a factor and a row block"),
        tau_(order, "reflectors") {}

  double* stack() const { return stack_.data(); }

  void eliminate(std::int64_t rows, double* factor) {
    const SolverHandle& solver = resources_.solver();
    const std::int64_t height = order_ + rows;
    std::size_t device_bytes = 0;
    std::size_t host_bytes = 0;
    RANKME_CUDA(cusolverDnXgeqrf_bufferSize(solver, solver.params(), height, order_, CUDA_R_64F,
                                            stack(), height, CUDA_R_64F, tau_.data(), CUDA_R_64F,
                                            &device_bytes, &host_bytes));
    SolverSpace space(resources_, device_bytes, host_bytes);
    RANKME_CUDA(cusolverDnXgeqrf(solver, solver.params(), height, order_, CUDA_R_64F, stack(),
                                 height, CUDA_R_64F, tau_.data(), CUDA_R_64F, space.device(),
                                 space.device_bytes(), space.host(), space.host_bytes(),
                                 space.info()));
    RANKME_CUDA(take_factor(factor, stack(), height, order_, resources_.work));
    space.check_info("cusolverDnXgeqrf", "the factorisation failed");
  }

private:
  Resources& resources_;
  std::int64_t order_;
  DeviceBuffer<double> stack_;
  DeviceBuffer<double> tau_;
};

}  // namespace

QrAccumulator::QrAccumulator(std::int64_t dim, bool normalize, Means means, int device)
    : dim_(valid_dim(dim)),
      with_ones_(means == Means::kept),
      normalize_(normalize),
      device_(device) {
  // Made on the device: a factor that does not fit there may be more than the host's memory, too.
  const Lease resources(device);
  factor_ = factor_buffer(order());
  clear(factor_, resources->work);
  resources->work.synchronize();
}

QrAccumulator::QrAccumulator(QrFactor factor, std::int64_t n_rows, bool normalize, int device,
                             ShardRows shards)
    : dim_(factor.dim),
      with_ones_(factor.with_ones),
      normalize_(normalize),
      device_(device),
      ledger_{n_rows, std::move(shards)},
      blocks_(factor.blocks) {
  // Here rows are not shifted.
  factor.move_origin(std::vector<double>(factor.origin.size()));
  beside_ = factor.beside;
  Lease resources(device);
  factor_ = factor_buffer(order());
  copy(factor_.data(), factor.r.data(), order() * order(), cudaMemcpyHostToDevice, resources->work);
  resources->work.synchronize();
}

QrAccumulator::~QrAccumulator() {
  const QuietSwitch current(device_);
  factor_ = {};
}

void QrAccumulator::update(const Source& source, const std::string* shard) {
  DevicePreparation preparation;
  preparation.normalize = normalize_;
  update(source, preparation, shard);
}

void QrAccumulator::update(const Source& source, const DevicePreparation& preparation,
                           const std::string* shard) {
  const MatrixView& z = source.view;
  require_width(z, dim_);
  const std::lock_guard lock(mutex_);
  if (z.rows == 0) return;
  LedgerEntry entry(ledger_, z.rows, shard);
  Lease resources(device_);
  wait_for_producer(*resources, source.producer);
  // A factor aside, until all rows have turned out to be good.
  DeviceBuffer<double> next = factor_buffer(order());
  copy(next.data(), factor_.data(), order() * order(), cudaMemcpyDeviceToDevice, resources->work);
  FeedPlan plan;
  const std::int64_t row_bytes = 8 * ((dim_ + 3) / 4 * 4);
  plan.cut = plan_blocks(
      z.rows, dim_, {},
      {qr_block_rows(order()) * row_bytes,
       source.on_device ? qr_block_rows(order()) * row_bytes : staging_bytes, item_size(z.dtype)});
  Elimination elimination(*resources, order(), plan.cut.rows);
  FeedUser user;
  user.on_block = [&](const DeviceBlock& block, const MatrixView&, int) {
    RANKME_CUDA(stack_rows(elimination.stack(), next.data(), order(), block, resources->work));
    elimination.eliminate(block.rows, next.data());
  };
  const Findings findings = feed(*resources, source, preparation, plan, user);
  if (!preparation.scales()) require_qr_size(findings.largest);
  resources->work.synchronize();
  std::swap(factor_, next);
  blocks_ += plan.cut.blocks;
  if (findings.largest > 0) beside_ += std::numeric_limits<double>::denorm_min();
  entry.commit();
}

void QrAccumulator::merge(const QrAccumulator& other) {
  require_mergeable(terms(), other.terms());
  // By way of the host, as GramAccumulator::merge.
  Ledger added;
  const QrFactor factor = other.total(&added.n_rows, &added.shards);
  const std::lock_guard lock(mutex_);
  ledger_.require_mergeable(added);
  Lease resources(device_);
  DeviceBuffer<double> next = factor_buffer(order());
  const DeviceBuffer<double> lower = factor_buffer(order());
  copy(lower.data(), factor.r.data(), order() * order(), cudaMemcpyHostToDevice, resources->work);
  Elimination elimination(*resources, order(), order());
  RANKME_CUDA(
      stack_factors(elimination.stack(), factor_.data(), lower.data(), order(), resources->work));
  elimination.eliminate(order(), next.data());
  resources->work.synchronize();
  std::swap(factor_, next);
  blocks_ += factor.blocks + 1;
  beside_ += factor.beside;
  ledger_.merge(added);
}

void QrAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  Lease resources(device_);
  clear(factor_, resources->work);
  resources->work.synchronize();
  blocks_ = 0;
  beside_ = 0;
  ledger_.clear();
}

std::int64_t QrAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return ledger_.n_rows;
}

ShardRows QrAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return ledger_.shards;
}

QrFactor QrAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  Lease resources(device_);
  QrFactor factor(dim_, with_ones_);
  copy(factor.r.data(), factor_.data(), order() * order(), cudaMemcpyDeviceToHost, resources->work);
  resources->work.synchronize();
  factor.blocks = blocks_;
  factor.beside = beside_;
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  return factor;
}

SingularValues QrAccumulator::spectrum(bool center, std::int64_t* n_rows) const {
  const QrFactor factor = total(n_rows);
  require_rows(*n_rows);
  Lease resources(device_);
  return from_factor_values(singular_values(*resources, factor, center),
                            extent_of(*n_rows, dim_, center, normalize_), factor.error(*n_rows));
}

std::vector<double> singular_values(Resources& resources, const QrFactor& factor, bool center) {
  if (center && !factor.with_ones) {
    throw std::logic_error("a factor without ones cannot be centred");
  }
  const SolverHandle& solver = resources.solver();
  const std::int64_t lead = factor.order();
  const std::int64_t first = factor.with_ones ? 1 : 0;
  const std::int64_t rows = lead - (center ? first : 0);
  const std::int64_t n = factor.dim;
  const DeviceBuffer<double> r = factor_buffer(lead);
  const DeviceBuffer<double> values(n, "singular values");
  copy(r.data(), factor.r.data(), lead * lead, cudaMemcpyHostToDevice, resources.work);
  double* a = r.data() + first * lead + (center ? 1 : 0);
  std::size_t device_bytes = 0;
  std::size_t host_bytes = 0;
  RANKME_CUDA(cusolverDnXgesvd_bufferSize(
      solver, solver.params(), 'N', 'N', rows, n, CUDA_R_64F, a, lead, CUDA_R_64F, values.data(),
      CUDA_R_64F, nullptr, rows, CUDA_R_64F, nullptr, n, CUDA_R_64F, &device_bytes, &host_bytes));
  SolverSpace space(resources, device_bytes, host_bytes);
  RANKME_CUDA(cusolverDnXgesvd(solver, solver.params(), 'N', 'N', rows, n, CUDA_R_64F, a, lead,
                               CUDA_R_64F, values.data(), CUDA_R_64F, nullptr, rows, CUDA_R_64F,
                               nullptr, n, CUDA_R_64F, space.device(), space.device_bytes(),
                               space.host(), space.host_bytes(), space.info()));
  space.check_info("cusolverDnXgesvd", "the singular values did not converge");
  std::vector<double> descending(static_cast<std::size_t>(n));
  copy(descending.data(), values.data(), n, cudaMemcpyDeviceToHost, resources.work);
  resources.work.synchronize();
  return descending;
}

}  // namespace rankme::cuda
