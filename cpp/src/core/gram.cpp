#include "rankme/gram.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <utility>

#include "pieces.hpp"
#include "rankme/budget.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

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
      ledger_{n_rows, std::move(shards)} {
  sums_.emplace_back(std::move(sum));
}

void GramAccumulator::require_whole() const {
  if (torn_) throw TornError();
}

GramAccumulator::Plan GramAccumulator::plan(std::int64_t rows) const {
  const int threads = num_threads();
  const double work = static_cast<double>(rows) * static_cast<double>(dim_ * dim_);
  const double by_work = std::min<double>(work / least_work, static_cast<double>(rows));

  // Memory: one matrix more than one thread would need, and what else is to spare.
  const double matrix = 8.0 * static_cast<double>(dim_ * dim_);
  const double affordable = 2 + std::floor(spare_bytes / matrix);
  const bool blas_threads = threads > affordable && by_work > affordable;

  // What of it the sums of all threads leave, whether they are there yet or not: the cut of rows
  // depends on no other update.
  const double owned = std::min(static_cast<double>(threads), affordable);

  const double workers = blas_threads ? 1 : std::min(owned, by_work);
  return {std::max(1, static_cast<int>(workers)), blas_threads,
          std::min(rows_a_block(dim_, blas_threads), rows),
          static_cast<std::int64_t>(affordable - owned)};
}

// asides: how many sums aside; without any the workers need their own.
void GramAccumulator::prepare(const Plan& plan, std::size_t asides) {
  const auto workers = static_cast<std::size_t>(plan.workers);
  std::vector<GramSum>& sums = asides > 0 ? asides_ : sums_;
  const std::size_t count = asides > 0 ? asides : workers;
  sums.reserve(count);
  while (sums.size() < count) sums.emplace_back(dim_);
  if (adders_.size() < workers) adders_.resize(workers);
  for (std::size_t worker = 0; worker < workers; ++worker) {
    adders_[worker].reserve(plan.block_rows, dim_);
  }
}

bool GramAccumulator::accumulate(const MatrixView& z, const Plan& plan,
                                 const Preparation& preparation) {
  std::optional<SingleThreadedBlas> single;
  if (!plan.blas_threads) single.emplace();
  const double* probes = probed_ ? probes_.data() : nullptr;
  torn_ = true;  // until all of it is in; from here on nothing asks for memory
  std::atomic<bool> finite = true;
  parallel_ranges(z.rows, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    GramSum& sum = sums_[static_cast<std::size_t>(worker)];
    RowAdder& adder = adders_[static_cast<std::size_t>(worker)];
    for (std::int64_t row = begin; row < end && finite; row += plan.block_rows) {
      const MatrixView rows = z.row_range(row, std::min(end, row + plan.block_rows));
      if (!adder.add(sum, rows, normalize_, probes, preparation)) finite = false;
    }
  });
  torn_ = !finite;
  return finite;
}

// Adds the rows to fresh sums and those to the old ones once all rows have turned out to be good:
// one pass over memory instead of a check and a sum. False where an entry was not finite; then, and
// after an exception, nothing has changed.
//
// Threads take the next piece when they have done one, so that a thread whose core has something
// else to do, reading the next rows for example, does not keep the others waiting. Each piece has a
// sum of its own, and those are added in the order of the rows: the result does not tell who did
// what.
bool GramAccumulator::add_aside(const MatrixView& z, const Plan& plan,
                                const std::vector<std::int64_t>& ends) {
  const SingleThreadedBlas single;
  const double* probes = probed_ ? probes_.data() : nullptr;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> finite = true;
  parallel_ranges(plan.workers, plan.workers, [&](int worker, std::int64_t, std::int64_t) {
    RowAdder& adder = adders_[static_cast<std::size_t>(worker)];
    for (std::size_t piece = next++; piece < ends.size() && finite; piece = next++) {
      GramSum& sum = asides_[piece];
      sum.clear();
      std::int64_t row = piece == 0 ? 0 : ends[piece - 1];
      for (; row < ends[piece]; row += plan.block_rows) {
        const MatrixView rows = z.row_range(row, std::min(ends[piece], row + plan.block_rows));
        if (!adder.add(sum, rows, normalize_, probes, {})) finite = false;
      }
    }
  });
  if (!finite) return false;
  for (std::size_t piece = 0; piece < ends.size(); ++piece) sums_.front().add(asides_[piece]);
  return true;
}

void GramAccumulator::update(const MatrixView& z, const std::string* shard) {
  require_width(z, dim_);
  const Plan plan = this->plan(z.rows);
  const std::vector<std::int64_t> ends =
      pieces_aside(z.rows, dim_, plan.workers, plan.block_rows, plan.most_asides);
  if (ends.empty()) require_finite(z, plan.blas_threads ? num_threads() : plan.workers);

  const std::lock_guard lock(mutex_);
  require_whole();
  LedgerEntry entry(ledger_, z.rows, shard);
  prepare(plan, ends.size());
  if (!ends.empty()) {
    if (!add_aside(z, plan, ends)) throw_first_nonfinite(z);
  } else if (!accumulate(z, plan, {})) {
    throw TornError();
  }
  entry.commit();
}

bool GramAccumulator::consume(const MatrixView& z, const Preparation& preparation) {
  require_width(z, dim_);
  const Plan plan = this->plan(z.rows);
  const std::lock_guard lock(mutex_);
  prepare(plan, 0);
  return accumulate(z, plan, preparation);
}

void GramAccumulator::merge(const GramAccumulator& other) {
  require_mergeable(terms(), other.terms());
  // A copy first: the two locks are never held together, and merging with oneself doubles.
  Ledger added;
  const GramSum sum = other.total(&added.n_rows, &added.shards);
  const std::lock_guard lock(mutex_);
  require_whole();
  ledger_.require_mergeable(added);
  sums_.front().add(sum);
  ledger_.merge(added);
}

void GramAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  for (GramSum& sum : sums_) sum.clear();
  ledger_.clear();
  torn_ = false;
}

std::int64_t GramAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return ledger_.n_rows;
}

ShardRows GramAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return ledger_.shards;
}

GramSum GramAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  GramSum sum(dim_);
  for (const GramSum& part : sums_) sum.add(part);
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  return sum;
}

GramSum GramAccumulator::take() && {
  const std::lock_guard lock(mutex_);
  require_whole();
  GramSum sum = std::move(sums_.front());
  for (std::size_t i = 1; i < sums_.size(); ++i) sum.add(sums_[i]);
  sums_.clear();
  return sum;
}

}  // namespace rankme
