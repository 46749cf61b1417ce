#include "rankme/gram.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "helpers.hpp"
#include "pieces.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/mixed_sums.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Blocks that a young sum takes in before it goes to the old one: what rounding takes from a small
// row beside all the others shrinks with the number of young sums. More would gain nothing, fewer
// would cost: the matrices are read and written once for each.
constexpr std::int64_t young_blocks = 128;

}  // namespace

GramAccumulator::GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, bool probed,
                                 Precision precision, double tolerance)
    : GramAccumulator(CentredSum(dim), normalize, seed, {}, precision) {
  probed_ = probed;
  if (precision == Precision::fast) choice_ = FloatChoice(dim, normalize, tolerance);
}

GramAccumulator::GramAccumulator(CentredSum sum, bool normalize, std::uint64_t seed,
                                 ShardRows shards, Precision precision)
    : dim_(sum.dim),
      normalize_(normalize),
      seed_(seed),
      precision_(precision),
      probes_(dim_, seed, precision == Precision::fast ? float_probe_sets(dim_) : sum.probe_sets()),
      choice_(dim_, normalize, usual_width),
      ledger_{sum.rows, std::move(shards)} {
  carry_probe_sets(sum, probes_.count(), probes_.get());
  if (sum.float_rows > 0) choice_.decide(true);
  if (sum.rows > 0) {
    old_ = std::move(sum);
  } else {
    young_.push_back(std::move(sum));
  }
}

void GramAccumulator::require_whole() const {
  if (torn_) throw TornError();
}

// With Precision::fast the first rows decide about the others.
void GramAccumulator::look_at(const MatrixView& z, std::int64_t n_rows) {
  if (precision_ == Precision::fast && z.dtype != DType::float64) choice_.look(z, n_rows);
}

// The old sum, which is there, takes in the young ones and gets all sets of probes, for one in
// float32 to be added. After an exception the numbers are what they were.
void GramAccumulator::widen_probes() {
  std::vector<double> all = gaussian_probes(dim_, seed_, float_probe_sets(dim_));
  settle(1);
  young_.clear();
  asides_.clear();
  carry_probe_sets(*old_, float_probe_sets(dim_), all);
  probes_.widen(std::move(all));
}

// asides: how many sums aside; without any the workers need their own. rows: how many are to come.
void GramAccumulator::prepare(const SumPlan& plan, std::size_t asides, std::int64_t rows) {
  const auto workers = static_cast<std::size_t>(plan.workers);
  std::vector<CentredSum>& sums = asides > 0 ? asides_ : young_;
  const std::size_t count = asides > 0 ? asides : workers;
  sums.reserve(count);
  const auto empty = [&] { return CentredSum(dim_, Storage::square, probes_.count()); };
  while (sums.size() < count) sums.push_back(empty());
  // The most that one young sum can have grown by when they are in.
  const std::int64_t blocks = rows / (plan.workers * plan.block_rows) + 2;
  const auto grows_up = [&](const CentredSum& sum) { return sum.blocks + blocks >= young_blocks; };
  if (!old_ && (asides > 0 || std::any_of(young_.begin(), young_.end(), grows_up))) {
    old_ = empty();
  }
  if (adders_.size() < workers) adders_.resize(workers);
  for (std::size_t worker = 0; worker < workers; ++worker) {
    adders_[worker].reserve(plan.block_rows, dim_, probes_.count(), choice_.in_float(), plan.team);
  }
}

// The old sum, which is there, takes in the young ones, in their order.
void GramAccumulator::settle(int workers) {
  for (CentredSum& sum : young_) {
    if (old_->rows == 0) {
      std::swap(*old_, sum);  // a matrix less to read and write
    } else {
      old_->add(sum, probes_if_any(), workers);
      sum.clear();
    }
  }
}

bool GramAccumulator::accumulate(const MatrixView& z, const SumPlan& plan) {
  Teams teams(plan.workers, plan.team);
  torn_ = true;  // until all of it is in; from here on nothing asks for memory
  std::atomic<bool> finite = true;
  const std::int64_t round = plan.workers * young_blocks * plan.block_rows;
  const bool in_float = choice_.in_float();
  for (std::int64_t first = 0; first < z.rows && finite; first += round) {
    const std::int64_t last = std::min(z.rows, first + round);
    parallel_ranges(
        last - first, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
          CentredSum& sum = young_[static_cast<std::size_t>(worker)];
          RowAdder& adder = adders_[static_cast<std::size_t>(worker)];
          for (std::int64_t row = begin; row < end && finite; row += plan.block_rows) {
            const MatrixView rows =
                z.row_range(first + row, first + std::min(end, row + plan.block_rows));
            if (!adder.add(sum, rows, normalize_, probes_if_any(), teams.of(worker), in_float)) {
              finite = false;
            }
          }
          adder.finish(sum);
        });
    const auto grown = [](const CentredSum& sum) { return sum.blocks >= young_blocks; };
    if (finite && std::any_of(young_.begin(), young_.end(), grown)) settle(plan.threads());
  }
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
bool GramAccumulator::add_aside(const MatrixView& z, const SumPlan& plan,
                                const std::vector<std::int64_t>& ends) {
  const bool in_float = choice_.in_float();
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> finite = true;
  parallel_ranges(plan.workers, plan.workers, [&](int worker, std::int64_t, std::int64_t) {
    RowAdder& adder = adders_[static_cast<std::size_t>(worker)];
    for (std::size_t piece = next++; piece < ends.size() && finite; piece = next++) {
      CentredSum& sum = asides_[piece];
      sum.clear();
      std::int64_t row = piece == 0 ? 0 : ends[piece - 1];
      for (; row < ends[piece]; row += plan.block_rows) {
        const MatrixView rows = z.row_range(row, std::min(ends[piece], row + plan.block_rows));
        if (!adder.add(sum, rows, normalize_, probes_if_any(), nullptr, in_float)) finite = false;
      }
      adder.finish(sum);
    }
  });
  if (!finite) return false;
  // They are as large as young sums get.
  settle(1);
  for (std::size_t piece = 0; piece < ends.size(); ++piece) {
    old_->add(asides_[piece], probes_if_any());
  }
  return true;
}

void GramAccumulator::update(const MatrixView& z, const std::string* shard) {
  require_width(z, dim_);
  const SumPlan plan = plan_sums(dim_, z.rows, 1);
  const std::vector<std::int64_t> ends =
      pieces_aside(z.rows, dim_, plan.workers, plan.block_rows, plan.most_asides);
  if (ends.empty()) require_finite(z, plan.threads());

  const std::lock_guard lock(mutex_);
  require_whole();
  LedgerEntry entry(ledger_, z.rows, shard);
  const FloatChoice::State before = choice_.state();
  try {
    // Nobody knows how many rows will come: of few it would not matter.
    look_at(z, std::max(ledger_.n_rows + z.rows, 4 * dim_));
    prepare(plan, ends.size(), z.rows);
    if (!ends.empty()) {
      if (!add_aside(z, plan, ends)) throw_first_nonfinite(z);
    } else if (!accumulate(z, plan)) {
      throw TornError();
    }
  } catch (...) {
    choice_.restore(before);
    throw;
  }
  entry.commit();
}

bool GramAccumulator::consume(const MatrixView& z) {
  require_width(z, dim_);
  const SumPlan plan = plan_sums(dim_, z.rows, 2);
  const std::lock_guard lock(mutex_);
  look_at(z, z.rows);
  prepare(plan, 0, z.rows);
  return accumulate(z, plan);
}

void GramAccumulator::merge(const GramAccumulator& other) {
  require_mergeable(terms(), other.terms());
  // A copy first: the two locks are never held together, and merging with oneself doubles.
  Ledger added;
  CentredSum sum = other.total(&added.n_rows, &added.shards);
  const std::lock_guard lock(mutex_);
  require_whole();
  ledger_.require_mergeable(added);
  if (!old_) old_.emplace(dim_, Storage::square, probes_.count());
  if (sum.probe_sets() > probes_.count()) widen_probes();
  carry_probe_sets(sum, probes_.count(), probes_.get());
  settle(1);
  old_->add(sum, probes_if_any());
  ledger_.merge(added);
}

void GramAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  if (old_) old_->clear();
  for (CentredSum& sum : young_) sum.clear();
  ledger_.clear();
  choice_.reset();
  torn_ = false;
}

std::int64_t GramAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return ledger_.n_rows;
}

std::int64_t GramAccumulator::float_rows() const {
  const std::lock_guard lock(mutex_);
  std::int64_t rows = old_ ? old_->float_rows : 0;
  for (const CentredSum& sum : young_) rows += sum.float_rows;
  return rows;
}

ShardRows GramAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return ledger_.shards;
}

CentredSum GramAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  CentredSum sum(dim_, Storage::square, probes_.count());
  if (old_) sum = *old_;
  for (const CentredSum& young : young_) sum.add(young, probes_if_any());
  return sum;
}

CentredSum GramAccumulator::sum_to_keep(std::int64_t* n_rows, ShardRows* shards) const {
  CentredSum sum = total(n_rows, shards);
  carry_probe_sets(sum, 1, probes_.get());
  return sum;
}

CentredSum GramAccumulator::take() && {
  const std::lock_guard lock(mutex_);
  require_whole();
  if (!old_) {
    old_ = std::move(young_.front());
    young_.erase(young_.begin());
  }
  settle(num_threads());
  young_.clear();
  return *std::move(old_);
}

}  // namespace rankme
