#include "rankme/group_sums.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "group_rows.hpp"
#include "helpers.hpp"
#include "rankme/budget.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/parallel.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

// With a few rows at a time each of the groups would cost a pass over its triangle. A quarter of
// the triangle's memory is for rows that wait, and at least as much as makes a product worth while.
std::int64_t most_waiting(std::int64_t dim) {
  return std::clamp<std::int64_t>(dim / 8, 64, 192) - 1;
}

// How many pieces of a length there are, the last one included that may be shorter.
std::int64_t pieces(std::int64_t count, std::int64_t length) {
  return (count + length - 1) / length;
}

std::vector<CentredSum> empty_sums(std::int64_t count, std::int64_t dim) {
  if (count < 1) {
    throw std::invalid_argument("n_groups must be 1 or more, got " + std::to_string(count));
  }
  valid_dim(dim);
  // The threads share the zeros that are written: there may be as many as a pass over the rows.
  constexpr double worth_a_thread = 1 << 20;
  const double entries = static_cast<double>(count) * static_cast<double>(dim * dim) / 2;
  const double most = static_cast<double>(std::min<std::int64_t>(num_threads(), count));
  const int workers = static_cast<int>(std::clamp(entries / worth_a_thread, 1.0, most));
  std::vector<std::optional<CentredSum>> made(static_cast<std::size_t>(count));
  parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      made[static_cast<std::size_t>(group)].emplace(dim, Storage::packed);
    }
  });
  std::vector<CentredSum> sums;
  sums.reserve(made.size());
  for (std::optional<CentredSum>& sum : made) sums.push_back(std::move(*sum));
  return sums;
}

std::int64_t rows_of_all(const std::vector<CentredSum>& sums) {
  std::int64_t rows = 0;
  for (const CentredSum& sum : sums) {
    require_countable(rows, sum.rows);
    rows += sum.rows;
  }
  return rows;
}

}  // namespace

GroupSums::GroupSums(std::int64_t dim, std::int64_t n_groups, bool normalize, std::uint64_t seed)
    : GroupSums(empty_sums(n_groups, dim), normalize, seed) {}

GroupSums::GroupSums(std::vector<CentredSum> sums, bool normalize, std::uint64_t seed,
                     ShardRows shards)
    : dim_(sums.front().dim),
      normalize_(normalize),
      seed_(seed),
      most_(most_waiting(dim_)),
      probes_(gaussian_probes(dim_, seed)),
      ledger_{rows_of_all(sums), std::move(shards)} {
  groups_.reserve(sums.size());
  for (CentredSum& sum : sums) groups_.push_back({std::move(sum), {}});
}

void GroupSums::require_whole() const {
  if (torn_) throw TornError();
}

// Nothing asks for memory after it.
void GroupSums::prepare(const SumPlan& plan, const std::vector<Rows>& by_group) const {
  const auto count = static_cast<std::size_t>(plan.workers);
  workers_.reserve(count);
  while (workers_.size() < count) workers_.emplace_back(dim_);
  for (Worker& worker : workers_) {
    worker.adder.reserve(std::max(plan.block_rows, most_), dim_);
    if (worker.gathered.rows.empty()) worker.gathered.rows = zeros(most_, dim_, "waiting rows");
  }
  for (const Rows& rows : by_group) {
    std::vector<double>& waiting = groups_[rows.group].waiting.rows;
    if (waiting.empty() && rows.some_wait(most_)) waiting = zeros(most_, dim_, "waiting rows");
  }
}

bool GroupSums::add_waiting(Waiting& waiting, Worker& worker) const {
  if (waiting.count == 0) return true;
  const MatrixView rows = view_of(waiting.rows.data(), waiting.count, dim_);
  if (!worker.adder.add(worker.young, rows, normalize_, probes_.data(), worker.helpers)) {
    return false;
  }
  waiting.count = 0;
  return true;
}

// Rows `begin` to `end` of a group: into the worker's young sum where they are many, else to those
// that wait. False where an entry is not finite.
bool GroupSums::take_in(const MatrixView& z, const Rows& rows, std::int64_t begin, std::int64_t end,
                        std::int64_t block_rows, Waiting& waiting, Worker& worker) const {
  bool finite = true;
  rows.for_each(begin, end, [&](std::int64_t row, std::int64_t last) {
    while (row < last && finite) {
      if (waiting.count == 0 && last - row >= most_) {
        // Equal ones: a short one at the end would cost a pass over the square for a few rows.
        for (std::int64_t left = pieces(last - row, block_rows); left > 0 && finite; --left) {
          const MatrixView block = z.row_range(row, row + pieces(last - row, left));
          finite =
              worker.adder.add(worker.young, block, normalize_, probes_.data(), worker.helpers);
          row += block.rows;
        }
        continue;
      }
      const MatrixView part = z.row_range(row, std::min(last, row + most_ - waiting.count));
      double* const to = waiting.rows.data() + waiting.count * dim_;
      finite = widen(part, Layout::row_major, to).finite;
      row += part.rows;
      waiting.count += part.rows;
      if (finite && waiting.count == most_) finite = add_waiting(waiting, worker);
    }
  });
  return finite;
}

void GroupSums::fold(Group& group, CentredSum& young, int workers) const {
  if (young.rows == 0) return;
  if (group.sum.rows == 0) return group.sum.take(young, workers);
  group.sum.add(young, probes_.data(), workers);
  group.sum.note_loss();
  young.clear();
}

// Multiplies the rows that wait, so that whoever looks sees all rows. The sums of all rows are the
// same before and after; what comes next only begins a new block.
void GroupSums::settle() const {
  double rows = 0;
  for (const Group& group : groups_) rows += static_cast<double>(group.waiting.count);
  if (rows == 0) return;
  prepare(SumPlan{1, 1, most_, 0}, {});
  const double work = rows * static_cast<double>(dim_ * dim_) / least_work;
  Teams teams(1, static_cast<int>(std::min<double>(num_threads(), work)));
  Worker& worker = workers_.front();
  worker.helpers = teams.of(0);
  for (Group& group : groups_) {
    if (!add_waiting(group.waiting, worker)) throw TornError();
    fold(group, worker.young, num_threads());
  }
}

// A group with so many of the rows that the workers share them.
bool GroupSums::add_together(const MatrixView& z, const Rows& rows, const SumPlan& plan) {
  std::atomic<bool> finite = true;
  parallel_ranges(rows.count, plan.workers, [&](int index, std::int64_t begin, std::int64_t end) {
    Worker& worker = workers_[static_cast<std::size_t>(index)];
    Waiting& gathered = worker.gathered;
    gathered.count = 0;
    if (!take_in(z, rows, begin, end, plan.block_rows, gathered, worker) ||
        !add_waiting(gathered, worker)) {
      finite = false;
    }
  });
  if (!finite) return false;
  for (int worker = 0; worker < plan.workers; ++worker) {
    fold(groups_[rows.group], workers_[static_cast<std::size_t>(worker)].young, plan.threads());
  }
  return true;
}

bool GroupSums::accumulate(const MatrixView& z, const std::vector<Rows>& by_group,
                           const SumPlan& plan) {
  Teams teams(plan.workers, plan.team);
  for (int worker = 0; worker < plan.workers; ++worker) {
    workers_[static_cast<std::size_t>(worker)].helpers = teams.of(worker);
  }
  torn_ = true;  // until all of it is in; from here on nothing asks for memory
  const auto shared = [&](const Rows& rows) {
    return plan.workers > 1 && rows.count > z.rows / plan.workers &&
           rows.count >= plan.workers * most_;
  };
  for (const Rows& rows : by_group) {
    if (shared(rows) && !add_together(z, rows, plan)) return false;
  }
  // The others are one worker's each, so the result does not tell whose.
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> finite = true;
  parallel_ranges(plan.workers, plan.workers, [&](int index, std::int64_t, std::int64_t) {
    Worker& worker = workers_[static_cast<std::size_t>(index)];
    for (std::size_t i = next++; i < by_group.size() && finite; i = next++) {
      const Rows& rows = by_group[i];
      if (shared(rows)) continue;
      Group& group = groups_[rows.group];
      // What is folded in anyway takes the rest with it.
      if (!take_in(z, rows, 0, rows.count, plan.block_rows, group.waiting, worker) ||
          (worker.young.rows > 0 && !add_waiting(group.waiting, worker))) {
        finite = false;
      } else {
        fold(group, worker.young, plan.team);
      }
    }
  });
  torn_ = !finite;
  return finite;
}

void GroupSums::update(const MatrixView& z, const std::int64_t* groups, const std::string* shard) {
  require_width(z, dim_);
  // The workers' squares may take as much memory again as the groups do.
  const SumPlan plan = plan_sums(dim_, z.rows, 1 + n_groups() / 2);
  const std::vector<Rows> by_group = rows_by_group(groups, z.rows);
  const auto require_good = [&] { require_finite(z, plan.threads()); };
  // Where there is nothing to lose, the rows are checked as they are added: a pass less over them.
  const bool checked = n_rows() > 0;
  if (checked) require_good();

  const std::lock_guard lock(mutex_);
  require_whole();
  const bool empty = ledger_.n_rows == 0;
  if (!checked && !empty) require_good();
  LedgerEntry entry(ledger_, z.rows, shard);
  prepare(plan, by_group);
  if (!accumulate(z, by_group, plan)) {
    if (!empty) throw TornError();
    forget();
    throw_first_nonfinite(z);
  }
  entry.commit();
}

void GroupSums::require_like(const GroupSums& other) const {
  if (other.n_groups() != n_groups()) {
    throw std::invalid_argument("cannot merge accumulators of " + std::to_string(n_groups()) +
                                " and " + std::to_string(other.n_groups()) + " groups");
  }
  require_mergeable(Terms{dim_, normalize_, seed_},
                    Terms{other.dim_, other.normalize_, other.seed_});
}

// For the rows that wait in the other one.
void GroupSums::prepare_merge(const GroupSums& other) {
  std::vector<Rows> by_group;
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    if (other.groups_[group].waiting.count > 0) by_group.push_back({group});
  }
  prepare(SumPlan{1, 1, most_, 0}, by_group);
}

void GroupSums::merge(const GroupSums& other) {
  require_like(other);
  // The copy of one that is merged with itself is another one.
  if (this == &other) {
    ShardRows shards;
    std::vector<CentredSum> copies = sums(&shards);
    return merge(GroupSums(std::move(copies), normalize_, seed_, std::move(shards)));
  }
  // They are too large to copy, so both are locked, in whichever order does not block.
  std::unique_lock lock(mutex_, std::defer_lock);
  std::shared_lock other_lock(other.mutex_, std::defer_lock);
  std::lock(lock, other_lock);
  require_whole();
  other.require_whole();
  ledger_.require_mergeable(other.ledger_);
  Ledger added = other.ledger_;
  prepare_merge(other);
  workers_.front().helpers = nullptr;
  torn_ = true;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    const Group& theirs = other.groups_[i];
    const bool rounds = group.sum.rows > 0 && theirs.sum.rows > 0;
    group.sum.add(theirs.sum, probes_.data(), num_threads());
    if (rounds) group.sum.note_loss();
    if (theirs.waiting.count == 0) continue;
    const MatrixView rows = view_of(theirs.waiting.rows.data(), theirs.waiting.count, dim_);
    const Rows all{i, {{0, 0}}, rows.rows};
    if (!take_in(rows, all, 0, rows.rows, most_, group.waiting, workers_.front())) {
      throw TornError();
    }
    fold(group, workers_.front().young, num_threads());
  }
  ledger_.merge(added);
  torn_ = false;
}

void GroupSums::forget() {
  for (Group& group : groups_) {
    group.sum.clear();
    group.waiting.count = 0;
  }
  for (Worker& worker : workers_) worker.young.clear();
  torn_ = false;
}

void GroupSums::reset() {
  const std::lock_guard lock(mutex_);
  forget();
  ledger_.clear();
}

std::int64_t GroupSums::n_rows() const {
  const std::shared_lock lock(mutex_);
  return ledger_.n_rows;
}

std::vector<std::int64_t> GroupSums::group_rows() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::int64_t> rows;
  for (const Group& group : groups_) rows.push_back(group.rows());
  return rows;
}

ShardRows GroupSums::shards() const {
  const std::shared_lock lock(mutex_);
  return ledger_.shards;
}

}  // namespace rankme
