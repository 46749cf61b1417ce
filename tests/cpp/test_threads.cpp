#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "rankme/gram.hpp"
#include "rankme/threads.hpp"

namespace {

void the_budget_is_set_and_read() {
  for (const int count : {1, 3, 2}) {
    rankme::set_num_threads(count);
    CHECK(rankme::num_threads() == count);
  }
}

void calls_overlap_and_restore() {
  rankme::set_num_threads(2);
  {
    const rankme::BlasCall one;
    std::thread([] {
      const rankme::BlasCall other;
      CHECK(rankme::num_threads() == 2);  // the budget, and not what BLAS may use just now
    }).join();
    CHECK(rankme::num_threads() == 2);
    rankme::set_num_threads(3);
  }
  CHECK(rankme::num_threads() == 3);
}

void ranges_cover_everything_once() {
  for (const int workers : {1, 2, 5}) {
    for (const std::int64_t count : {0, 1, 4, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
      rankme::parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      for (const auto& times : seen) CHECK(times == 1);
    }
  }
}

// That of the first worker, though it comes last.
void a_failure_is_rethrown() {
  const auto fail = [](int worker, std::int64_t, std::int64_t) {
    if (worker == 1) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (worker > 0) throw std::runtime_error("worker " + std::to_string(worker));
  };
  CHECK_THROWS(rankme::parallel_ranges(10, 3, fail), std::runtime_error, "worker 1");
  CHECK(rankme::num_threads() > 0);
}

#if !defined(__SANITIZE_THREAD__)  // its runtime cannot follow a fork of a threaded process
void update(rankme::GramAccumulator& accumulator) {
  static const std::vector<float> z(2000 * 128, 0.5F);
  accumulator.update(rankme::view_of(z.data(), 2000, 128));
}

void a_forked_child_computes() {
  rankme::set_num_threads(2);
  rankme::GramAccumulator accumulator(128, false, 0);
  update(accumulator);
  std::atomic<bool> stop = false;
  // Forks while another thread is in the middle of updates.
  std::thread busy([&] {
    rankme::GramAccumulator own(128, false, 0);
    while (!stop) update(own);
  });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      update(accumulator);
      _exit(accumulator.n_rows() == 4000 && rankme::num_threads() == 2 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  busy.join();
}
#endif

}  // namespace

int main() {
  the_budget_is_set_and_read();
  calls_overlap_and_restore();
  ranges_cover_everything_once();
  a_failure_is_rethrown();
#if !defined(__SANITIZE_THREAD__)
  a_forked_child_computes();
#endif
  const rankme::BlasConfig config = rankme::blas_config();
  CHECK(config.build.find("OpenBLAS") != std::string::npos);
  CHECK(!config.library.empty());
  return check::finish("threads");
}
