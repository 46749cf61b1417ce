#include "rankme/threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "blas.hpp"

namespace rankme {

namespace {

// OpenBLAS has buffers for 128 threads, of which 64 may be its own, and corrupts memory beyond.
constexpr int most_calls = 64;

constexpr int openblas_openmp = 2;  // openblas_get_parallel(): 0 serial, 1 pthreads, 2 OpenMP

thread_local bool alone = false;  // see OneThread

// What all threads share. `budget` is the setting to restore while `calls` > 0.
struct Shared {
  std::mutex mutex;
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
  // Those who waited here are threads that the child does not have. There were no calls, so the
  // setting is the budget.
  new (&state.changed) std::condition_variable;
  state.forks = 0;
  state.mutex.unlock();
}

// The OpenMP build keeps its setting per thread, and a new thread starts with all cores.
bool set_by_thread() {
  static const bool by_thread = RANKME_BLAS(openblas_get_parallel)() == openblas_openmp;
  return by_thread;
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
  const int count = state.calls > 0 ? state.budget : RANKME_BLAS(openblas_get_num_threads)();
  return std::max(1, count);
}

void set_num_threads(int count) {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  if (state.calls > 0) {
    state.budget = count;
  } else {
    RANKME_BLAS(openblas_set_num_threads)(count);
  }
}

BlasCall::BlasCall() {
  Shared& state = shared();
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return state.forks == 0 && state.calls < most_calls; });
  const bool first = state.calls++ == 0;
  if (first) state.budget = RANKME_BLAS(openblas_get_num_threads)();
  if ((first && state.budget != 1) || set_by_thread()) RANKME_BLAS(openblas_set_num_threads)(1);
}

BlasCall::~BlasCall() {
  Shared& state = shared();
  const std::lock_guard lock(state.mutex);
  const bool last = --state.calls == 0;
  // Anything but 1 was set by somebody else in the meantime (threadpoolctl): it is newer than ours.
  const bool ours = state.budget != 1 && RANKME_BLAS(openblas_get_num_threads)() == 1;
  if ((last && ours) || set_by_thread()) RANKME_BLAS(openblas_set_num_threads)(state.budget);
  // Somebody waits only at the top and, for a fork, at zero.
  if (state.calls == most_calls - 1 || last) state.changed.notify_all();
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
