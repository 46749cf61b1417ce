// New rows of a stack, or of several that grow together.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "helpers.hpp"
#include "rankme/error.hpp"
#include "rankme/layers.hpp"
#include "rankme/ledger.hpp"
#include "rankme/parallel.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

std::string name_of(std::size_t layer) { return "Zs[" + std::to_string(layer) + "]"; }

// The first layer with a bad entry is the one that is named, whatever the threads do: workers have
// ranges in order, and parallel_ranges rethrows the failure of the first of them.
void require_all_finite(const std::vector<MatrixView>& zs, int workers) {
  const auto check = [&](std::size_t layer, int threads) {
    try {
      require_finite(zs[layer], threads);
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(error.row(), error.column(), error.value(),
                           static_cast<std::int64_t>(layer));
    }
  };
  const auto count = static_cast<std::int64_t>(zs.size());
  if (count < workers) {
    for (std::size_t layer = 0; layer < zs.size(); ++layer) check(layer, workers);
    return;
  }
  parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
    for (auto layer = begin; layer < end; ++layer) check(static_cast<std::size_t>(layer), 1);
  });
}

}  // namespace

std::int64_t LayerAccumulator::rows_of(const std::vector<LayerAccumulator*>& stacks,
                                       const std::vector<std::size_t>& stack_of,
                                       const std::vector<MatrixView>& zs) {
  if (zs.size() != stack_of.size()) {
    throw std::invalid_argument("Zs has " + std::to_string(zs.size()) +
                                " layers, the accumulator has n_layers " +
                                std::to_string(stack_of.size()));
  }
  for (std::size_t layer = 0; layer < zs.size(); ++layer) {
    require_width(zs[layer], stacks[stack_of[layer]]->dim_, name_of(layer));
    if (zs[layer].rows != zs.front().rows) {
      throw std::invalid_argument(name_of(layer) + " has " + std::to_string(zs[layer].rows) +
                                  " rows and Zs[0] has " + std::to_string(zs.front().rows) +
                                  "; all layers take in the same number");
    }
  }
  return zs.front().rows;
}

// Who shares out the rows of an update, and of which layer each worker's first rows are if it began
// inside one. All the memory that adding them takes.
struct LayerAccumulator::Shares {
  explicit Shares(const Plan& plan)
      : teams(plan.workers, plan.team), layer_of(static_cast<std::size_t>(plan.workers), -1) {}

  Teams teams;
  std::vector<std::int64_t> layer_of;
};

bool LayerAccumulator::accumulate(const std::vector<MatrixView>& zs, const Plan& plan,
                                  Shares& shares) {
  const std::int64_t rows = zs.front().rows;
  const std::int64_t unit = plan.whole_layers ? rows : 1;
  std::atomic<bool> finite = true;
  parallel_ranges(
      n_layers() * rows / unit, plan.workers,
      [&](int worker, std::int64_t begin, std::int64_t end) {
        if (begin * unit % rows != 0) {
          shares.layer_of[static_cast<std::size_t>(worker)] = begin * unit / rows;
        }
        if (!add_range(zs, worker, begin * unit, end * unit, plan, shares.teams.of(worker))) {
          finite = false;
        }
      });
  if (!finite) return false;
  if (!plan.whole_layers) add_beginnings(shares.layer_of, plan);
  return true;
}

void LayerAccumulator::update(const std::vector<MatrixView>& zs) {
  update_all({this}, std::vector<std::size_t>(sums_.size(), 0), zs);
}

void LayerAccumulator::update_all(const std::vector<LayerAccumulator*>& stacks,
                                  const std::vector<std::size_t>& stack_of,
                                  const std::vector<MatrixView>& zs) {
  const std::int64_t rows = rows_of(stacks, stack_of, zs);
  std::vector<std::vector<MatrixView>> own(stacks.size());
  for (std::size_t layer = 0; layer < zs.size(); ++layer) own[stack_of[layer]].push_back(zs[layer]);
  std::vector<Plan> plans;
  int threads = 1;
  for (const LayerAccumulator* stack : stacks) {
    plans.push_back(stack->plan(rows));
    threads = std::max(threads, plans.back().workers * plans.back().team);
  }
  require_all_finite(zs, threads);

  std::vector<std::unique_lock<std::shared_mutex>> locks;
  for (LayerAccumulator* stack : stacks) {
    locks.emplace_back(stack->mutex_);
    stack->require_whole();
    require_countable(stack->n_rows_, rows);
  }
  std::vector<std::vector<FloatChoice::State>> before;
  for (const LayerAccumulator* stack : stacks) before.push_back(stack->undecided());
  std::deque<Shares> shares;
  try {
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      shares.emplace_back(plans[i]);
      stacks[i]->look_at(own[i], plans[i].workers * plans[i].team);
      stacks[i]->prepare(plans[i]);
    }
    // From here on nothing asks for memory. Where rows change while they are read, all are torn.
    for (LayerAccumulator* stack : stacks) stack->torn_ = true;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      if (!stacks[i]->accumulate(own[i], plans[i], shares[i])) throw TornError();
    }
  } catch (...) {
    for (std::size_t i = 0; i < stacks.size(); ++i) stacks[i]->restore(before[i]);
    throw;
  }
  for (LayerAccumulator* stack : stacks) {
    stack->torn_ = false;
    stack->n_rows_ += rows;
  }
}

}  // namespace rankme
