#include "to_tridiagonal.hpp"

#include <algorithm>
#include <limits>

namespace rankme {

namespace {

// Sweeps that one thread takes together: so the band goes through its cache once for all of them.
constexpr std::int64_t together = 4;
// Steps between two calls that wake who sleeps: it shall find work for a while.
constexpr std::int64_t steps_a_call = 16;
constexpr std::int64_t all_steps = std::numeric_limits<std::int64_t>::max();

}  // namespace

ToTridiagonal::ToTridiagonal(const Band& band, const Kernels& kernels)
    : band_(band),
      kernels_(kernels),
      sweeps_(std::max<std::int64_t>(band.order - 2, 0)),
      done_(static_cast<std::size_t>((sweeps_ + together - 1) / together)) {}

std::int64_t ToTridiagonal::steps_of(std::int64_t sweep) const {
  return (band_.order - sweep - 1 + tile_side - 1) / tile_side;
}

void ToTridiagonal::run_group(std::int64_t group) {
  const std::int64_t first = group * together;
  const std::int64_t count = std::min(together, sweeps_ - first);
  const std::int64_t behind = 2 * (count - 1);  // of the last sweep, in steps
  std::atomic<std::int64_t>& steps = done_[static_cast<std::size_t>(group)].steps;
  Reflector reflectors[together];
  for (std::int64_t front = 0; front < steps_of(first) + behind; ++front) {
    if (group > 0) {
      await(done_[static_cast<std::size_t>(group - 1)].steps,
            [front](std::int64_t done) { return done >= front + 2; });
    }
    for (std::int64_t q = 0; q < count; ++q) {
      const std::int64_t sweep = first + q;
      const std::int64_t step = front - 2 * q;
      if (step < 0 || step >= steps_of(sweep)) continue;
      const std::int64_t row = sweep + 1 + step * tile_side;
      if (step == 0) kernels_.reflect(band_.at(row, sweep), reflectors[q]);
      kernels_.chase(band_.at(row, row), reflectors[q]);
    }
    const std::int64_t finished = front - behind + 1;
    if (finished <= 0) continue;
    steps.store(finished, std::memory_order_release);
    if (finished % steps_a_call == 0) steps.notify_all();
  }
  steps.store(all_steps, std::memory_order_release);
  steps.notify_all();
}

void ToTridiagonal::work() {
  for (;;) {
    const std::int64_t group = next_.fetch_add(1, std::memory_order_relaxed);
    if (group >= static_cast<std::int64_t>(done_.size())) return;
    run_group(group);
  }
}

}  // namespace rankme
