// Ranges of rows over threads.
#pragma once

#include <cstdint>

namespace rankme {

// A reference to what is to be done with a range: std::function may need memory where one is made.
class RangeBody {
public:
  template <class Body>
  explicit RangeBody(const Body& body)
      : body_(&body), call_([](const void* to, int worker, std::int64_t begin, std::int64_t end) {
          (*static_cast<const Body*>(to))(worker, begin, end);
        }) {}
  void operator()(int worker, std::int64_t begin, std::int64_t end) const {
    call_(body_, worker, begin, end);
  }

private:
  const void* body_;
  void (*call_)(const void*, int, std::int64_t, std::int64_t);
};

void run_ranges(std::int64_t count, int workers, RangeBody body);

// Cuts [0, count) into `workers` ranges of equal length to within one and calls
// body(worker, begin, end) for each, the first on the calling thread. The cut depends on the
// arguments alone, so results repeat to the last bit. Once all have ended, the exception of the
// first worker that had one is rethrown. Nothing but the body throws: where a thread cannot be had,
// the calling one does its work.
template <class Body>
void parallel_ranges(std::int64_t count, int workers, const Body& body) {
  run_ranges(count, workers, RangeBody(body));
}

// What each of those threads calls before its body: tests let some come late with it. One for the
// process: returns the one before.
using ThreadStart = void (*)();
ThreadStart at_thread_start(ThreadStart start);

}  // namespace rankme
