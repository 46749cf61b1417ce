// Several group sums that grow by the same rows, as the layers of a network do.
#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

#include "group_rows.hpp"
#include "rankme/error.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/widen.hpp"

namespace rankme {

void GroupSums::update_all(const std::vector<GroupSums*>& sums, const std::vector<MatrixView>& zs,
                           const std::int64_t* groups) {
  const std::int64_t count = zs.front().rows;
  std::int64_t widest = 0;
  for (const GroupSums* sum : sums) widest = std::max(widest, sum->dim_);
  const SumPlan plan = plan_sums(widest, count, 1 + sums.front()->n_groups() / 2);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::string name = "Zs[" + std::to_string(i) + "]";
    require_width(zs[i], sums[i]->dim_, name);
    if (zs[i].rows != count) {
      throw std::invalid_argument(name + " has " + std::to_string(zs[i].rows) +
                                  " rows and Zs[0] has " + std::to_string(count) +
                                  "; all layers take in the same number");
    }
    try {
      require_finite(zs[i], plan.threads());
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(error.row(), error.column(), error.value(),
                           static_cast<std::int64_t>(i));
    }
  }
  const std::vector<Rows> by_group = sums.front()->rows_by_group(groups, count);
  for (GroupSums* sum : sums) {
    const std::lock_guard lock(sum->mutex_);
    sum->require_whole();
    require_countable(sum->ledger_.n_rows, count);
    sum->prepare(plan, by_group);
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::lock_guard lock(sums[i]->mutex_);
    if (!sums[i]->accumulate(zs[i], by_group, plan)) throw TornError();
    sums[i]->ledger_.n_rows += count;
  }
}

void GroupSums::merge_all(const std::vector<GroupSums*>& sums,
                          const std::vector<GroupSums*>& others) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i]->require_like(*others[i]);
    require_countable(sums[i]->n_rows(), others[i]->n_rows());
    if (sums[i] == others[i]) continue;
    const std::lock_guard lock(sums[i]->mutex_);
    sums[i]->prepare_merge(*others[i]);
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i]->merge(*others[i]);
}

}  // namespace rankme
