#include "rankme/threads.hpp"

#include <dlfcn.h>
#include <pthread.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "blas.hpp"

namespace rankme {

namespace {

// OpenBLAS has buffers for 128 threads, of which 64 may be its own, and corrupts memory beyond.
constexpr int most_calls = 64;

constexpr int openblas_openmp = 2;  // openblas_get_parallel(): 0 serial, 1 pthreads, 2 OpenMP

#if defined(__SSE2__)
// Reads subnormal numbers as what they are, in a thread in which somebody had them flushed to zero.
class SubnormalsKept {
public:
  SubnormalsKept() : before_(_mm_getcsr()) { _mm_setcsr(before_ & ~flush_and_zero); }
  ~SubnormalsKept() { _mm_setcsr(before_); }
  SubnormalsKept(const SubnormalsKept&) = delete;
  SubnormalsKept& operator=(const SubnormalsKept&) = delete;

private:
  static constexpr unsigned flush_and_zero = 0x8040;
  unsigned before_;
};
#else
class SubnormalsKept {};
#endif

thread_local bool alone = false;  // see OneThread

// What all threads share. `budget` is the setting to restore while `holders` > 0.
struct Shared {
  std::mutex mutex;
  int holders = 0;
  int budget = 1;
  int calls = 0;  // BLAS calls under way
  int forks = 0;  // that wait for them, or are under way
  std::condition_variable changed;
};

Shared& shared();

// OpenBLAS stops its threads when the process forks, and would stop them in the middle of another
// thread's call; a lock of its own that such a call holds would stay locked in the child for ever.
// So a fork waits for the calls under way, and calls wait for a fork. The mutex is held across it,
// which keeps the child's copy whole.
void before_fork() {
  Shared& state = shared();
  std::unique_lock lock(state.mutex);
  ++state.forks;
  state.changed.wait(lock, [&] { return state.calls == 0; });
  lock.release();
}

void after_fork_in_parent() {
  Shared& state = shared();
  --state.forks;
  state.mutex.unlock();
  state.changed.notify_all();
}

void after_fork_in_child() {
  Shared& state = shared();
  // Those who waited here, and those who held the guard, are threads that the child does not have.
  new (&state.changed) std::condition_variable;
  state.forks = 0;
  const bool restore = std::exchange(state.holders, 0) > 0;
  state.mutex.unlock();
  if (restore) RANKME_BLAS(openblas_set_num_threads)(state.budget);
}

Shared& shared() {
  // Never destroyed: a worker may outlive static destruction at the exit of the process.
  static Shared* state = [] {
    auto* made = new Shared;
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    // At exit OpenBLAS frees what a daemon thread may still be computing with: wait for calls under
    // way, and let none begin.
    std::atexit(before_fork);
    return made;
  }();
  return *state;
}

}  // namespace

OneThread::OneThread() : before_(std::exchange(alone, true)) {}
OneThread::~OneThread() { alone = before_; }

int num_threads() {
  if (alone) return 1;
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  const int count = state.holders > 0 ? state.budget : RANKME_BLAS(openblas_get_num_threads)();
  return std::max(1, count);
}

void set_num_threads(int count) {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  if (state.holders > 0) {
    state.budget = count;
  } else {
    RANKME_BLAS(openblas_set_num_threads)(count);
  }
}

SingleThreadedBlas::SingleThreadedBlas() {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  if (state.holders++ == 0) {
    state.budget = RANKME_BLAS(openblas_get_num_threads)();
    if (state.budget != 1) RANKME_BLAS(openblas_set_num_threads)(1);
  }
}

SingleThreadedBlas::~SingleThreadedBlas() {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  if (--state.holders > 0) return;
  // Anything but 1 was set by somebody else in the meantime (threadpoolctl): it is newer than ours.
  if (RANKME_BLAS(openblas_get_num_threads)() == 1 && state.budget != 1) {
    RANKME_BLAS(openblas_set_num_threads)(state.budget);
  }
}

BlasCall::BlasCall() {
  Shared& state = shared();
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return state.forks == 0 && state.calls < most_calls; });
  ++state.calls;
}

BlasCall::~BlasCall() {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  // Somebody waits only at the top and, for a fork, at zero.
  if (state.calls-- == most_calls || state.calls == 0) state.changed.notify_all();
}

void parallel_ranges(std::int64_t count, int workers,
                     const std::function<void(int, std::int64_t, std::int64_t)>& body) {
  if (workers <= 1) {
    [[maybe_unused]] const SubnormalsKept subnormals;
    body(0, 0, count);
    return;
  }
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(workers));
  const auto run = [&](int worker) {
    // The OpenMP build keeps its setting per thread, and a new thread starts with all cores.
    if (RANKME_BLAS(openblas_get_parallel)() == openblas_openmp) {
      RANKME_BLAS(openblas_set_num_threads)(1);
    }
    [[maybe_unused]] const SubnormalsKept subnormals;
    try {
      body(worker, count * worker / workers, count * (worker + 1) / workers);
    } catch (...) {
      failures[static_cast<std::size_t>(worker)] = std::current_exception();
    }
  };

  // Threads are made anew for each call: some tens of microseconds against milliseconds of work,
  // and a forked child has no pool to miss.
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(workers) - 1);
  int started = 1;
  try {
    for (; started < workers; ++started) threads.emplace_back(run, started);
  } catch (...) {
    // No more threads, or no memory for one: the caller does the rest, and the result is the same.
  }
  run(0);
  for (int worker = started; worker < workers; ++worker) run(worker);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

BlasConfig blas_config() {
  const char* const kinds[] = {"single", "pthreads", "openmp"};
  const int kind = std::clamp(RANKME_BLAS(openblas_get_parallel)(), 0, 2);
  Dl_info where{};
  const bool found =
      dladdr(reinterpret_cast<const void*>(&RANKME_BLAS(openblas_get_config)), &where) != 0;
  return {RANKME_BLAS(openblas_get_config)(), RANKME_BLAS(openblas_get_corename)(), kinds[kind],
          found && where.dli_fname != nullptr ? where.dli_fname : ""};
}

}  // namespace rankme
