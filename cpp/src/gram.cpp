#include "rankme/gram.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "blas.hpp"
#include "memory.hpp"
#include "rankme/error.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// gram += block^T block, the lower triangle in row-major order (LAPACK's upper).
void syrk(const Block& block, std::vector<double>& gram) {
  const int n = static_cast<int>(block.cols);
  const int k = static_cast<int>(block.rows);
  const double one = 1;
  // What is row-major to us is the transpose to Fortran.
  const bool rows_first = block.layout == Layout::row_major;
  const int lda = rows_first ? n : k;
  const BlasCall call;
  RANKME_BLAS(dsyrk_)("U", rows_first ? "N" : "T", &n, &k, &one, block.data, &lda, &one,
                      gram.data(), &n);
}

}  // namespace

GramAccumulator::GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, bool probed)
    : GramAccumulator(GramSum(dim), 0, normalize, seed) {
  probed_ = probed;
}

GramAccumulator::GramAccumulator(GramSum sum, std::int64_t n_rows, bool normalize,
                                 std::uint64_t seed, ShardRows shards)
    : dim_(sum.dim),
      normalize_(normalize),
      seed_(seed),
      probes_(gaussian_probes(dim_, seed)),
      n_rows_(n_rows),
      shards_(std::move(shards)) {
  partials_.emplace_back(std::move(sum));
}

void GramAccumulator::require_width(const MatrixView& z) const {
  if (z.cols != dim_) {
    throw std::invalid_argument("Z has " + std::to_string(z.cols) +
                                " columns, the accumulator has dim " + std::to_string(dim_));
  }
}

void GramAccumulator::require_whole() const {
  if (torn_) throw TornError();
}

GramAccumulator::Plan GramAccumulator::plan(std::int64_t rows) const {
  const int threads = num_threads();
  const double work = static_cast<double>(rows) * static_cast<double>(dim_ * dim_);
  // A thread that has less than this to do costs more to start than it saves.
  constexpr double least_work = 4e6;
  const double by_work = std::min<double>(work / least_work, static_cast<double>(rows));

  // Memory: one matrix more than one thread would need, and what else fits 32 MiB.
  const double matrix = 8.0 * static_cast<double>(dim_ * dim_);
  const double affordable = 2 + std::floor((32 << 20) / matrix);
  const bool blas_threads = threads > affordable && by_work > affordable;

  // 192 rows a dsyrk suit OpenBLAS at every width: a block that stays in the second-level cache,
  // and no multiple of 256, which collides in it. Narrow rows take more of them, wide ones fewer.
  const std::int64_t row_bytes = 8 * dim_;
  std::int64_t block_rows = 192 * std::max<std::int64_t>(1, (256 << 10) / (192 * row_bytes));
  block_rows = std::min(block_rows, std::max<std::int64_t>(64, (4 << 20) / row_bytes));
  // BLAS's own threads need more to share, and there is one block and not one a thread.
  if (blas_threads) block_rows = std::clamp<std::int64_t>((16 << 20) / row_bytes, 64, 768);

  const double workers =
      blas_threads ? 1 : std::min({static_cast<double>(threads), affordable, by_work});
  return {std::max(1, static_cast<int>(workers)), blas_threads, std::min(block_rows, rows)};
}

void GramAccumulator::prepare(const Plan& plan) {
  partials_.reserve(static_cast<std::size_t>(plan.workers));
  while (partials_.size() < static_cast<std::size_t>(plan.workers))
    partials_.emplace_back(GramSum(dim_));
  const auto needed = static_cast<std::size_t>(plan.block_rows * dim_);
  for (int worker = 0; worker < plan.workers; ++worker) {
    Partial& partial = partials_[static_cast<std::size_t>(worker)];
    if (partial.block.size() < needed) partial.block = zeros(plan.block_rows, dim_, "a row block");
    partial.block_sums.resize(static_cast<std::size_t>(dim_));
    partial.probe_scratch.resize(static_cast<std::size_t>(plan.block_rows * probe_count));
  }
}

bool GramAccumulator::add_rows(Partial& partial, const MatrixView& rows,
                               const Preparation& preparation) const {
  const Block block{partial.block.data(), rows.rows, rows.cols, natural_layout(rows)};
  const BlockFacts facts = widen(rows, block.layout, block.data);
  if (!facts.finite) return false;

  double largest = facts.largest;
  if (normalize_ || preparation.column_scales != nullptr) {
    if (normalize_) normalize_rows(block);
    if (preparation.column_scales != nullptr) scale_columns(block, preparation.column_scales);
    largest = largest > 0 ? 1 : 0;  // the entries of a unit vector are at most 1
  }
  if (preparation.subtract_row != nullptr) subtract_row(block, preparation.subtract_row);
  if (preparation.subtract_first_column) subtract_first_column(block);
  if (preparation.shifts()) largest = largest_magnitude(block);
  GramSum& sum = partial.sum;
  sum.fit_scale(largest);
  if (sum.exponent != 0) scale_all(block, std::ldexp(1.0, -sum.exponent));

  sum_columns(block, partial.block_sums.data());
  for (std::size_t j = 0; j < partial.block_sums.size(); ++j) {
    sum.column_sums[j] += partial.block_sums[j];
  }
  if (probed_) {
    add_probe_products(block, probes_.data(), partial.probe_scratch.data(),
                       sum.probe_products.data());
  }
  syrk(block, sum.gram);
  sum.blocks += 1;
  sum.longest_block = std::max(sum.longest_block, block.rows);
  return true;
}

bool GramAccumulator::accumulate(const MatrixView& z, const Plan& plan,
                                 const Preparation& preparation) {
  std::optional<SingleThreadedBlas> single;
  if (!plan.blas_threads) single.emplace();
  std::atomic<bool> finite = true;
  parallel_ranges(z.rows, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    Partial& partial = partials_[static_cast<std::size_t>(worker)];
    for (std::int64_t row = begin; row < end && finite; row += plan.block_rows) {
      const MatrixView rows = z.row_range(row, std::min(end, row + plan.block_rows));
      if (!add_rows(partial, rows, preparation)) finite = false;
    }
  });
  return finite;
}

// Adds the rows to fresh sums and those to the old ones once all rows have turned out to be good:
// one pass over memory instead of a check and a sum. False where an entry was not finite; then, and
// after an exception, nothing has changed.
bool GramAccumulator::add_aside(const MatrixView& z, const Plan& plan) {
  const auto swap = [&] {
    for (Partial& partial : partials_) std::swap(partial.sum, *partial.aside);
  };
  for (Partial& partial : partials_) {
    if (!partial.aside) partial.aside.emplace(dim_);
    partial.aside->clear();
  }
  swap();
  bool finite = false;
  try {
    finite = accumulate(z, plan, {});
  } catch (...) {
    swap();
    throw;
  }
  swap();
  if (!finite) return false;
  for (Partial& partial : partials_) partial.sum.add(*partial.aside);
  return true;
}

void GramAccumulator::update(const MatrixView& z, const std::string* shard) {
  require_width(z);
  const Plan plan = this->plan(z.rows);
  // Where rows are narrow a second reading of them would cost a tenth of the time, and where there
  // are many a second sum costs nothing.
  const bool aside = dim_ <= 256 && z.rows >= 64 * dim_;
  if (!aside) require_finite(z, plan.blas_threads ? num_threads() : plan.workers);

  const std::lock_guard lock(mutex_);
  require_whole();
  require_countable(n_rows_, z.rows);
  ShardEntry entry(shards_, shard);
  prepare(plan);
  if (aside) {
    if (!add_aside(z, plan)) throw_first_nonfinite(z);
  } else {
    torn_ = true;  // until all of it is in
    if (!accumulate(z, plan, {})) throw TornError();
    torn_ = false;
  }
  n_rows_ += z.rows;
  entry.add(z.rows);
}

bool GramAccumulator::consume(const MatrixView& z, const Preparation& preparation) {
  require_width(z);
  const Plan plan = this->plan(z.rows);
  const std::lock_guard lock(mutex_);
  prepare(plan);
  return accumulate(z, plan, preparation);
}

void GramAccumulator::merge(const GramAccumulator& other) {
  if (other.dim_ != dim_) {
    throw std::invalid_argument("cannot merge accumulators of dim " + std::to_string(dim_) +
                                " and dim " + std::to_string(other.dim_));
  }
  if (other.normalize_ != normalize_) {
    throw std::invalid_argument(
        "cannot merge an accumulator that normalizes rows with one that does not");
  }
  if (other.seed_ != seed_) {
    throw std::invalid_argument("cannot merge accumulators whose probes have seed " +
                                std::to_string(seed_) + " and seed " + std::to_string(other.seed_));
  }
  // A copy first: the two locks are never held together, and merging with oneself doubles.
  std::int64_t other_rows = 0;
  ShardRows other_shards;
  const GramSum sum = other.total(&other_rows, &other_shards);
  const std::lock_guard lock(mutex_);
  require_whole();
  require_countable(n_rows_, other_rows);
  require_disjoint(shards_, other_shards);
  partials_.front().sum.add(sum);
  n_rows_ += other_rows;
  shards_.merge(other_shards);
}

void GramAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  for (Partial& partial : partials_) partial.sum.clear();
  n_rows_ = 0;
  shards_.clear();
  torn_ = false;
}

std::int64_t GramAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return n_rows_;
}

ShardRows GramAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return shards_;
}

GramSum GramAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  GramSum sum(dim_);
  for (const Partial& partial : partials_) sum.add(partial.sum);
  *n_rows = n_rows_;
  if (shards != nullptr) *shards = shards_;
  return sum;
}

GramSum GramAccumulator::take() && {
  const std::lock_guard lock(mutex_);
  require_whole();
  GramSum sum = std::move(partials_.front().sum);
  for (std::size_t i = 1; i < partials_.size(); ++i) sum.add(partials_[i].sum);
  partials_.clear();
  return sum;
}

}  // namespace rankme
