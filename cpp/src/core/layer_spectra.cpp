// The singular values of the layers of a stack.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "rankme/budget.hpp"
#include "rankme/eigen.hpp"
#include "rankme/layers.hpp"
#include "rankme/parallel.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Up to this order every thread may solve a layer of its own: copies of 8 MiB at most.
constexpr std::int64_t most_solved_by_all = 1024;

}  // namespace

SingularValues LayerAccumulator::spectrum(std::int64_t layer, bool center,
                                          std::int64_t* n_rows) const {
  CentredSum sum = total(layer, n_rows);
  return singular_values(std::move(sum), probes_.get(), center, normalize_);
}

std::vector<SingularValues> LayerAccumulator::spectra(bool center, std::int64_t* n_rows) const {
  const std::shared_lock lock(mutex_);
  require_whole();
  *n_rows = n_rows_;
  std::vector<SingularValues> values(sums_.size());
  const int workers = solvers();
  const auto solve = [&](int, std::int64_t begin, std::int64_t end) {
    std::optional<OneThread> alone;
    if (workers > 1) alone.emplace();
    for (auto layer = static_cast<std::size_t>(begin); layer < static_cast<std::size_t>(end);
         ++layer) {
      values[layer] = singular_values(copy_of(layer), probes_.get(), center, normalize_);
    }
  };
  parallel_ranges(n_layers(), workers, solve);
  return values;
}

// How many layers are solved side by side, each on one thread and in a copy of its matrix. One:
// they take turns, and the solver may use all threads.
int LayerAccumulator::solvers() const {
  const auto order = static_cast<double>(dim_);
  const auto layers = static_cast<double>(n_layers());
  const double threads = num_threads();
  const double by_work = std::floor(layers * order * order * order / least_work);
  const double wanted = std::min({threads, layers, std::max(1.0, by_work)});
  if (dim_ <= most_solved_by_all) return static_cast<int>(wanted);
  const double copies = 2 + std::floor(spare_bytes / (8 * order * order));
  return threads >= 2 * copies ? 1 : static_cast<int>(std::min(wanted, copies));
}

}  // namespace rankme
