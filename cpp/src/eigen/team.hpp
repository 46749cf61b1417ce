// Threads that work through the phases of one problem together, and wait for each other without
// burning their cores. Private to cpp/src/eigen.
#pragma once

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "subnormals.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace rankme {

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#endif
}

// Waits until ready(value). Some ten microseconds of looking, since most waits are short, and then
// sleep: the thread that is waited for may have lost its core to another program, and needs this
// one. Whoever changes the value calls notify_all.
template <class Ready>
void await(const std::atomic<std::int64_t>& value, Ready ready) {
  constexpr int pauses = 200;
  for (int i = 0; i < pauses; ++i) {
    if (ready(value.load(std::memory_order_acquire))) return;
    pause_briefly();
  }
  for (;;) {
    const std::int64_t seen = value.load(std::memory_order_acquire);
    if (ready(seen)) return;
    value.wait(seen, std::memory_order_acquire);
  }
}

// Where all members of a team meet between two phases.
class Barrier {
public:
  void expect(int members) { members_ = members; }

  void arrive() {
    const std::int64_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      round_.notify_all();
    } else {
      await(round_, [round](std::int64_t now) { return now != round; });
    }
  }

private:
  int members_ = 1;
  std::atomic<int> arrived_ = 0;
  std::atomic<std::int64_t> round_ = 0;
};

// Calls body(member, barrier) on `threads` threads, the calling one among them as member 0. Fewer
// where no more can be had: what the body does must not depend on their number. It must not throw.
template <class Body>
void run_team(int threads, const Body& body) {
  Barrier barrier;
  std::atomic<std::int64_t> size = 0;
  std::vector<std::thread> others;
  const auto join_in = [&](int member) {
    await(size, [](std::int64_t members) { return members > 0; });
    [[maybe_unused]] const SubnormalsKept subnormals;
    body(member, barrier);
  };
  if (threads > 1) {
    others.reserve(static_cast<std::size_t>(threads) - 1);
    try {
      for (int member = 1; member < threads; ++member) others.emplace_back(join_in, member);
    } catch (const std::system_error&) {
      // No more threads for this process: those that there are do the work.
    }
  }
  barrier.expect(static_cast<int>(others.size()) + 1);
  size.store(static_cast<std::int64_t>(others.size()) + 1, std::memory_order_release);
  size.notify_all();
  join_in(0);
  for (std::thread& other : others) other.join();
}

}  // namespace rankme
