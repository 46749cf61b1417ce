#include "rankme/parallel.hpp"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "subnormals.hpp"

namespace rankme {

namespace {

std::atomic<ThreadStart> thread_start = nullptr;

}  // namespace

ThreadStart at_thread_start(ThreadStart start) { return thread_start.exchange(start); }

void run_ranges(std::int64_t count, int workers, RangeBody body) {
  if (workers <= 1) {
    [[maybe_unused]] const SubnormalsKept subnormals;
    body(0, 0, count);
    return;
  }
  std::mutex mutex;
  std::exception_ptr failure;
  int failed = workers;  // the first that did
  const auto run = [&](int worker) {
    if (const auto start = thread_start.load()) start();
    [[maybe_unused]] const SubnormalsKept subnormals;
    try {
      body(worker, count * worker / workers, count * (worker + 1) / workers);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (worker < failed) {
        failed = worker;
        failure = std::current_exception();
      }
    }
  };

  // Threads are made anew for each call: some tens of microseconds against milliseconds of work,
  // and a forked child has no pool to miss.
  std::vector<std::thread> threads;
  int started = 1;
  try {
    threads.reserve(static_cast<std::size_t>(workers) - 1);
    for (; started < workers; ++started) threads.emplace_back(run, started);
  } catch (...) {
    // No more threads, or no memory for one: the caller does the rest, and the result is the same.
  }
  run(0);
  for (int worker = started; worker < workers; ++worker) run(worker);
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace rankme
