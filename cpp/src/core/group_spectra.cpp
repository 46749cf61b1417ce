// What is asked of groups: their total, and the eigenproblems with and without each of them.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "rankme/budget.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"

namespace rankme {

CentredSum GroupSums::total_of_all(int workers) const {
  std::vector<const CentredSum*> all;
  for (const Group& group : groups_) all.push_back(&group.sum);
  CentredSum sum(dim_);
  sum.add(all, probes_.data(), workers);
  return sum;
}

CentredSum GroupSums::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  settle();
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  return total_of_all(num_threads());
}

CentredSum GroupSums::group(std::int64_t group) const {
  if (group < 0 || group >= n_groups()) {
    throw std::out_of_range("group " + std::to_string(group) + " of " + std::to_string(n_groups()));
  }
  const std::lock_guard lock(mutex_);
  require_whole();
  settle();
  CentredSum sum(dim_);
  sum.add(groups_[static_cast<std::size_t>(group)].sum, probes_.data(), num_threads());
  return sum;
}

std::vector<CentredSum> GroupSums::sums(ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  settle();
  *shards = ledger_.shards;
  std::vector<CentredSum> all;
  for (const Group& group : groups_) {
    all.emplace_back(dim_, Storage::packed) = group.sum;
  }
  return all;
}

// One thread's share of the eigenproblems: those of the rows without group `begin` up to `end`, or
// of those groups alone.
class GroupSums::Solver {
public:
  Solver(const GroupSums& sums, const std::vector<const Group*>& filled, bool center,
         std::vector<SingularValues>& values)
      : sums_(sums), filled_(filled), center_(center), values_(values) {}

  void leave_out(std::size_t begin, std::size_t end) {
    Pieces outside;
    append(0, begin, outside);
    append(end, filled_.size(), outside);
    leave_out(begin, end, std::move(outside));
  }

  void each(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      values_[i] = solve({&filled_[i]->sum});
    }
  }

private:
  using Pieces = std::vector<const CentredSum*>;

  // The groups of one half are outside of the other: so each is added log2 times, not once for
  // every other. A sum of its own is written where several eigenproblems read it.
  void leave_out(std::size_t begin, std::size_t end, Pieces outside) {
    if (end - begin == 1) {
      values_[begin] = solve(outside);
      return;
    }
    std::optional<CentredSum> sum;
    if (end - begin > 2) {
      sum.emplace(sums_.dim_, Storage::packed).add(outside, sums_.probes_.data());
      outside = {&*sum};
    }
    const std::size_t middle = begin + (end - begin) / 2;
    Pieces more = outside;
    append(middle, end, more);
    leave_out(begin, middle, std::move(more));
    append(begin, middle, outside);
    leave_out(middle, end, std::move(outside));
  }

  void append(std::size_t begin, std::size_t end, Pieces& to) const {
    for (std::size_t i = begin; i < end; ++i) to.push_back(&filled_[i]->sum);
  }

  SingularValues solve(const Pieces& pieces) const {
    CentredSum sum(sums_.dim_);
    sum.add(pieces, sums_.probes_.data());
    return singular_values(std::move(sum), sums_.probes_, center_, sums_.normalize_);
  }

  const GroupSums& sums_;
  const std::vector<const Group*>& filled_;
  bool center_;
  std::vector<SingularValues>& values_;
};

GroupSpectra GroupSums::solve(bool center, bool leave_out) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  settle();
  GroupSpectra found;
  std::vector<const Group*> filled;
  for (const Group& group : groups_) {
    found.rows.push_back(group.rows());
    if (group.rows() > 0) filled.push_back(&group);
  }
  if (leave_out && filled.size() < 2) {
    throw std::invalid_argument("rows without a group need two groups with rows, there are " +
                                std::to_string(filled.size()));
  }
  // All threads share this one. Beside the others it would be one too many for an even number of
  // threads, and the last turn would have a single problem.
  if (leave_out) {
    found.whole = singular_values(total_of_all(num_threads()), probes_, center, normalize_);
  }
  const std::size_t problems = filled.size();
  found.filled.resize(problems);
  const double order = static_cast<double>(dim_);
  const double work = static_cast<double>(problems) * order * order * order / least_work;
  const double wanted = std::min<double>(num_threads(), static_cast<double>(problems));
  const int workers = static_cast<int>(std::clamp(std::floor(work), 1.0, std::max(wanted, 1.0)));
  parallel_ranges(static_cast<std::int64_t>(problems), workers,
                  [&](int, std::int64_t begin, std::int64_t end) {
                    std::optional<OneThread> alone;
                    if (workers > 1) alone.emplace();
                    Solver solver(*this, filled, center, found.filled);
                    const auto first = static_cast<std::size_t>(begin);
                    const auto last = static_cast<std::size_t>(end);
                    if (leave_out) {
                      solver.leave_out(first, last);
                    } else {
                      solver.each(first, last);
                    }
                  });
  return found;
}

GroupSpectra GroupSums::leave_out_spectra(bool center) const { return solve(center, true); }

GroupSpectra GroupSums::group_spectra(bool center) const { return solve(center, false); }

}  // namespace rankme
