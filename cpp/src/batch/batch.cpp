#include "rankme/batch.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>

#include "ends.hpp"
#include "lane_worker.hpp"
#include "rankme/error.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"
#include "simd.hpp"

namespace rankme {

namespace {

// Up to this order the four matrices of a register stay in the second-level cache.
constexpr std::int64_t largest_lane_order = 128;
// Beyond this order, or this many products of entries, all threads work on one matrix.
constexpr std::int64_t largest_spread_order = 512;
constexpr double most_spread_work = 1e9;
// A thread that has less than this to do costs more to start than it saves.
constexpr double least_batch_work = 4e5;

std::int64_t order_of(const MatrixView& z) { return std::min(z.rows, z.cols); }

double work_of(const MatrixView& z) {
  return static_cast<double>(z.rows) * static_cast<double>(z.cols) *
         static_cast<double>(order_of(z));
}

// The first failure in the order of the matrices, whatever the order of the work.
class FirstFailure {
public:
  // Whether a matrix still has to be looked at.
  bool concerns(std::int64_t matrix) const { return matrix < matrix_.load(); }

  void record(std::int64_t matrix, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (matrix >= matrix_.load()) return;
    matrix_ = matrix;
    failure_ = std::move(failure);
  }

  void rethrow() const {
    if (!failure_) return;
    try {
      std::rethrow_exception(failure_);
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(error.row(), error.column(), error.value(), matrix_);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("Zs[" + std::to_string(matrix_) + "]: " + error.what());
    }
  }

private:
  std::atomic<std::int64_t> matrix_ = std::numeric_limits<std::int64_t>::max();
  std::exception_ptr failure_;
  std::mutex mutex_;
};

// Who does what: matrices for the lanes, smallest first; single ones for a thread each; and those
// on which all threads work.
struct Shares {
  std::vector<std::int64_t> laned;
  std::vector<std::int64_t> single;
  std::vector<std::int64_t> large;
  double work = 0;  // of the first two

  Shares(std::span<const MatrixView> zs, Method method) {
    for (std::size_t i = 0; i < zs.size(); ++i) {
      const std::int64_t order = order_of(zs[i]);
      const bool spread = order <= largest_spread_order && work_of(zs[i]) <= most_spread_work;
      const bool by_lanes = method == Method::gram && order <= largest_lane_order;
      (!spread ? large : by_lanes ? laned : single).push_back(static_cast<std::int64_t>(i));
      if (spread) work += work_of(zs[i]);
    }
    // Matrices that share a register should be of one order. A batch as a rule is all of one.
    const auto smaller = [&](std::int64_t i, std::int64_t j) {
      return order_of(zs[static_cast<std::size_t>(i)]) < order_of(zs[static_cast<std::size_t>(j)]);
    };
    if (!std::is_sorted(laned.begin(), laned.end(), smaller)) {
      std::stable_sort(laned.begin(), laned.end(), smaller);
    }
  }
};

class Batch {
public:
  Batch(std::span<const MatrixView> zs, bool center, bool normalize, Method method)
      : zs_(zs), center_(center), normalize_(normalize), method_(method), shares_(zs, method) {
    spectra_.offsets.resize(zs.size() + 1);
    for (std::size_t i = 0; i < zs.size(); ++i) {
      spectra_.offsets[i + 1] = spectra_.offsets[i] + order_of(zs[i]);
    }
    const auto values = static_cast<std::size_t>(spectra_.offsets.back());
    spectra_.scaled.resize(values);
    spectra_.low.resize(values);
    spectra_.high.resize(values);
    spectra_.exponents.resize(zs.size());
  }

  BatchSpectra run() && {
    spread();
    for (const std::int64_t matrix : shares_.large) solve_alone(matrix);
    failure_.rethrow();
    return std::move(spectra_);
  }

private:
  const MatrixView& matrix(std::int64_t i) const { return zs_[static_cast<std::size_t>(i)]; }

  Ends ends(std::int64_t i) {
    const std::int64_t begin = spectra_.offsets[static_cast<std::size_t>(i)];
    return {spectra_.scaled.data() + begin, spectra_.low.data() + begin,
            spectra_.high.data() + begin, order_of(matrix(i))};
  }

  // Tasks are taken one by one, the longest first, so that ragged batches keep all threads busy to
  // the end. No result depends on who else is in a task.
  void spread() {
    const auto laned = static_cast<std::int64_t>(shares_.laned.size());
    const auto single = static_cast<std::int64_t>(shares_.single.size());
    const int workers = std::max(
        1, static_cast<int>(std::min<double>(num_threads(), shares_.work / least_batch_work)));
    workers_ = workers;
    const std::int64_t together = std::clamp<std::int64_t>(laned / (4 * workers), 1, lanes);
    const std::int64_t groups = (laned + together - 1) / together;
    std::atomic<std::int64_t> next = 0;
    parallel_ranges(workers, workers, [&](int, std::int64_t, std::int64_t) {
      const OneThread alone;
      LaneWorker worker(center_, normalize_);
      for (std::int64_t task; (task = next++) < single + groups;) {
        if (task < single) {
          solve_alone(shares_.single[static_cast<std::size_t>(task)]);
        } else {
          const std::int64_t begin = (single + groups - 1 - task) * together;
          solve_group(worker, begin, std::min(laned, begin + together));
        }
      }
    });
  }

  // By the way of a single matrix.
  void solve_alone(std::int64_t i) {
    if (!failure_.concerns(i)) return;
    attempt(i, [&] {
      const SingularValues values = singular_values(matrix(i), center_, normalize_, method_);
      const Ends to = ends(i);
      std::copy(values.scaled.begin(), values.scaled.end(), to.scaled);
      std::copy(values.low.begin(), values.low.end(), to.low);
      std::copy(values.high.begin(), values.high.end(), to.high);
      spectra_.exponents[static_cast<std::size_t>(i)] = values.exponent;
    });
  }

  // A small matrix is shorter than what the processor takes to see that it is being read.
  void prefetch(std::int64_t at) const {
    constexpr std::int64_t cache_line = 64;
    constexpr std::int64_t most = 16 << 10;
    if (at < 0 || at >= static_cast<std::int64_t>(shares_.laned.size())) return;
    const MatrixView& z = matrix(shares_.laned[static_cast<std::size_t>(at)]);
    const std::int64_t item = item_size(z.dtype);
    const std::int64_t bytes = z.rows * z.cols * item;
    if (z.row_offsets != nullptr || z.col_stride != item || z.row_stride != z.cols * item ||
        bytes > most) {
      return;
    }
    for (std::int64_t byte = 0; byte < bytes; byte += cache_line) __builtin_prefetch(z.data + byte);
  }

  // A group is in the order of sizes, so that after a bad matrix an earlier one may follow.
  void solve_group(LaneWorker& worker, std::int64_t begin, std::int64_t end) {
    worker.clear();
    std::int64_t last = 0;
    std::vector<std::int64_t> in_lane;
    for (std::int64_t at = begin; at < end; ++at) {
      const std::int64_t i = shares_.laned[static_cast<std::size_t>(at)];
      prefetch(at + 1 < end ? at + 1 : begin - (end - begin) * workers_);
      if (!failure_.concerns(i)) continue;
      attempt(i, [&] {
        if (!worker.add(matrix(i), ends(i), &spectra_.exponents[static_cast<std::size_t>(i)])) {
          throw_first_nonfinite(matrix(i));
        }
        in_lane.push_back(i);
      });
      last = std::max(last, i);
    }
    attempt(last, [&] { worker.solve(); });
    for (const int at : worker.unsettled()) solve_alone(in_lane[static_cast<std::size_t>(at)]);
  }

  template <class Work>
  void attempt(std::int64_t i, const Work& work) {
    try {
      work();
    } catch (...) {
      failure_.record(i, std::current_exception());
    }
  }

  std::span<const MatrixView> zs_;
  bool center_;
  bool normalize_;
  Method method_;
  Shares shares_;
  FirstFailure failure_;
  int workers_ = 1;
  BatchSpectra spectra_;
};

}  // namespace

BatchSpectra singular_values(std::span<const MatrixView> zs, bool center, bool normalize,
                             Method method) {
  for (std::size_t i = 0; i < zs.size(); ++i) {
    if (order_of(zs[i]) < 1) {
      throw std::invalid_argument("Zs[" + std::to_string(i) + "] is an empty matrix");
    }
  }
  return Batch(zs, center, normalize, method).run();
}

}  // namespace rankme
