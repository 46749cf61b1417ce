// The second stage: a band becomes a tridiagonal matrix with the same eigenvalues. Private to
// cpp/src/eigen.
//
// Sweep s takes column s to two entries by a reflection of the 32 rows below. What that pushes out
// of the band is chased off its end, 32 rows at a time (Murata and Horikoshi 1975; Lang 1993). Step
// k of a sweep touches what step k + 1 of the sweep before has left, so that many sweeps are under
// way at once, each two blocks behind the one before (Bischof, Lang and Sun 2000).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "team.hpp"
#include "tiles.hpp"

namespace rankme {

class ToTridiagonal {
public:
  ToTridiagonal(const Band& band, const Kernels& kernels);

  // One member's part of the work; all of it is done when all members have returned.
  void work();

private:
  // Of a group of sweeps: how many steps its last one has done.
  struct alignas(64) Progress {
    std::atomic<std::int64_t> steps = 0;
  };

  std::int64_t steps_of(std::int64_t sweep) const;
  void run_group(std::int64_t group);

  Band band_;
  const Kernels& kernels_;
  std::int64_t sweeps_;
  std::vector<Progress> done_;
  std::atomic<std::int64_t> next_ = 0;
};

}  // namespace rankme
