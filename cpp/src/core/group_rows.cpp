#include "group_rows.hpp"

#include <stdexcept>
#include <string>

namespace rankme {

// Of the groups that have some, in the order of the groups.
std::vector<GroupSums::Rows> GroupSums::rows_by_group(const std::int64_t* groups,
                                                      std::int64_t count) const {
  std::vector<Rows> all(groups_.size());
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t group = groups[row];
    if (group < 0 || group >= n_groups()) {
      throw std::out_of_range("row " + std::to_string(row) + " is of group " +
                              std::to_string(group) + " of " + std::to_string(n_groups()));
    }
    Rows& rows = all[static_cast<std::size_t>(group)];
    const bool goes_on = !rows.runs.empty() &&
                         rows.runs.back().begin + (rows.count - rows.runs.back().before) == row;
    if (!goes_on) rows.runs.push_back({row, rows.count});
    ++rows.count;
  }
  for (std::size_t group = 0; group < all.size(); ++group) all[group].group = group;
  std::erase_if(all, [](const Rows& rows) { return rows.count == 0; });
  return all;
}

}  // namespace rankme
