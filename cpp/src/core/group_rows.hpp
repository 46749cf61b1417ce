// Where the rows of a group stand in a block. Private to cpp/src.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rankme/group_sums.hpp"

namespace rankme {

// Where in z the rows of one group stand: runs of them, and how many come before each.
struct GroupSums::Rows {
  struct Run {
    std::int64_t begin, before;
  };
  std::size_t group;
  std::vector<Run> runs = {};
  std::int64_t count = 0;

  // Whether rows may have to wait for others: those of runs shorter than `most`, or of any where
  // the runs are not told.
  bool some_wait(std::int64_t most) const {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const std::int64_t next = i + 1 == runs.size() ? count : runs[i + 1].before;
      if (next - runs[i].before < most) return true;
    }
    return runs.empty();
  }

  // Calls body(first, last) for the runs of z that rows `begin` to `end` of the group lie in.
  template <class Body>
  void for_each(std::int64_t begin, std::int64_t end, const Body& body) const {
    auto run = std::upper_bound(runs.begin(), runs.end(), begin,
                                [](std::int64_t at, const Run& r) { return at < r.before; });
    for (--run; begin < end; ++run) {
      const bool last = run + 1 == runs.end();
      const std::int64_t stop = std::min(end, last ? count : (run + 1)->before);
      body(run->begin + (begin - run->before), run->begin + (stop - run->before));
      begin = stop;
    }
  }
};

}  // namespace rankme
