// Threads that help one other with the parts of its work: many short pieces, one call after the
// other. Private to cpp/src/core.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

namespace rankme {

class Helpers {
public:
  // threads: with the one that asks. Where fewer can be had it does more itself, and nothing is
  // thrown.
  explicit Helpers(int threads);
  ~Helpers();
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;

  // That were asked for: how work is cut must not depend on how many there are.
  int threads() const { return threads_; }

  // Calls body(piece) once for each piece in [0, pieces), the last ones first, and returns when all
  // are done. It must not throw. Who comes free takes the next piece, and a thread without its core
  // is waited for only while it has one; waiting sleeps. From one thread at a time.
  template <class Body>
  void run(std::int64_t pieces, const Body& body) {
    run(pieces, &body,
        [](const void* to, std::int64_t piece) { (*static_cast<const Body*>(to))(piece); });
  }

private:
  using Call = void (*)(const void*, std::int64_t);
  void run(std::int64_t pieces, const void* body, Call call);
  void work();
  bool take(std::int64_t* seen);

  const int threads_;
  const void* body_ = nullptr;
  Call call_ = nullptr;
  // The round in the upper half and how many pieces nobody has taken yet in the lower one: who
  // takes one knows that it is of the round whose body he calls.
  std::atomic<std::int64_t> open_ = 0;
  std::atomic<std::int64_t> done_ = 0;
  std::vector<std::thread> others_;
};

// One for each of several workers; none where a worker has no thread beside its own.
class Teams {
public:
  // team: threads a worker.
  Teams(int workers, int team);
  Helpers* of(int worker) {
    return teams_.empty() ? nullptr : &teams_[static_cast<std::size_t>(worker)];
  }

private:
  std::deque<Helpers> teams_;
};

}  // namespace rankme
