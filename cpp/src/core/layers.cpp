#include "rankme/layers.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "helpers.hpp"
#include "rankme/budget.hpp"
#include "rankme/eigen.hpp"
#include "rankme/error.hpp"
#include "rankme/ledger.hpp"
#include "rankme/memory.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

std::vector<CentredSum> empty_sums(std::int64_t count, std::int64_t dim, Precision precision) {
  if (count < 1) {
    throw std::invalid_argument("n_layers must be 1 or more, got " + std::to_string(count));
  }
  const int sets = precision == Precision::fast ? float_probe_sets(valid_dim(dim)) : 1;
  std::vector<CentredSum> sums;
  for (std::int64_t layer = 0; layer < count; ++layer) {
    sums.emplace_back(valid_dim(dim), Storage::square, sets);
  }
  return sums;
}

// A layer that takes fewer blocks at a time gains nothing from a sum aside, which costs a matrix.
constexpr std::int64_t least_young_blocks = 8;

void add_with_loss(CentredSum& sum, const CentredSum& other, const ProbeSets& probes) {
  const bool rounds = sum.rows > 0;
  sum.add(other, probes.get().data());
  if (rounds) sum.note_loss();
}

}  // namespace

LayerAccumulator::LayerAccumulator(std::int64_t n_layers, std::int64_t dim, bool normalize,
                                   std::uint64_t seed, Precision precision)
    : LayerAccumulator(empty_sums(n_layers, dim, precision), 0, normalize, seed, precision) {}

LayerAccumulator::LayerAccumulator(std::vector<CentredSum> sums, std::int64_t n_rows,
                                   bool normalize, std::uint64_t seed, Precision precision)
    : dim_(sums.front().dim),
      normalize_(normalize),
      seed_(seed),
      precision_(precision),
      probes_(dim_, seed, precision == Precision::fast ? float_probe_sets(dim_) : 1),
      choices_(sums.size(), FloatChoice(dim_, normalize, usual_width)),
      n_rows_(n_rows),
      sums_(std::move(sums)) {
  for (std::size_t layer = 0; layer < sums_.size(); ++layer) {
    carry_probe_sets(sums_[layer], sets(), probes_.get());
    if (sums_[layer].float_rows > 0) choices_[layer].decide(true);
  }
}

void LayerAccumulator::require_whole() const {
  if (torn_) throw TornError();
}

LayerAccumulator::Plan LayerAccumulator::plan(std::int64_t rows) const {
  const auto layers = static_cast<double>(n_layers());
  const double matrix = 8.0 * static_cast<double>(dim_ * dim_);
  const double by_work =
      layers * static_cast<double>(rows) * static_cast<double>(dim_ * dim_) / least_work;
  const double wanted =
      std::max(1.0, std::min({static_cast<double>(num_threads()),
                              layers * static_cast<double>(rows), std::floor(by_work)}));
  // Where threads are more than layers, all but the first may begin inside a layer and then need a
  // sum more. Those may take as much again as the layers do, or what is to spare; and so may the
  // young ones, with them.
  const double spare = std::max(layers, std::floor(spare_bytes / matrix));
  const double affordable = 1 + spare;
  const Crew crew = crew_of(wanted, affordable);
  const double workers = crew.workers;
  const bool whole_layers = workers <= layers;
  const std::int64_t block_rows = std::min(rows_a_block(dim_, crew.team > 1) - 1, rows);
  const double beginnings = whole_layers ? 0 : workers - 1;
  const double young = std::min(workers, layers);
  return {crew.workers, crew.team, whole_layers, block_rows,
          rows >= least_young_blocks * block_rows && beginnings + young <= spare};
}

void LayerAccumulator::prepare(const Plan& plan) {
  const auto workers = static_cast<std::size_t>(plan.workers);
  if (adders_.size() < workers) adders_.resize(workers);
  for (std::size_t worker = 0; worker < workers; ++worker) {
    adders_[worker].reserve(plan.block_rows, dim_, sets(), any_in_float(), plan.team);
  }
  if (plan.young) {
    const std::size_t count = std::min(workers, sums_.size());
    young_.reserve(count);
    while (young_.size() < count) young_.emplace_back(dim_, Storage::square, sets());
  }
  if (plan.whole_layers) return;
  beginnings_.reserve(workers);
  while (beginnings_.size() < workers - 1) {
    beginnings_.emplace_back(dim_, Storage::square, sets());
  }
}

// Rows `begin` to `end` of the stack, counted through all layers.
bool LayerAccumulator::add_range(const std::vector<MatrixView>& zs, int worker, std::int64_t begin,
                                 std::int64_t end, const Plan& plan, Helpers* helpers) {
  const std::int64_t rows = zs.front().rows;
  while (begin < end) {
    const auto layer = static_cast<std::size_t>(begin / rows);
    const std::int64_t first = begin % rows;
    const std::int64_t last = std::min(rows, first + (end - begin));
    const MatrixView range = zs[layer].row_range(first, last);
    // What stands before `first` is another worker's, and so is the layer's own sum.
    CentredSum& own = sums_[layer];
    // With more workers than layers each of them begins one layer at most.
    const auto turn = plan.workers > n_layers() ? layer : static_cast<std::size_t>(worker);
    CentredSum& sum = first > 0    ? beginnings_[static_cast<std::size_t>(worker - 1)]
                      : plan.young ? young_[turn]
                                   : own;
    const bool in_float = choices_[layer].in_float();
    if (!add_blocks(sum, range, worker, plan.block_rows, helpers, in_float)) return false;
    if (first == 0 && plan.young) {
      add_with_loss(own, sum, probes_);
      sum.clear();
    }
    begin += last - first;
  }
  return true;
}

bool LayerAccumulator::add_blocks(CentredSum& sum, const MatrixView& rows, int worker,
                                  std::int64_t block_rows, Helpers* helpers, bool in_float) {
  RowAdder& adder = adders_[static_cast<std::size_t>(worker)];
  for (std::int64_t row = 0; row < rows.rows; row += block_rows) {
    const bool rounds = sum.rows > 0;
    const MatrixView block = rows.row_range(row, std::min(rows.rows, row + block_rows));
    if (!adder.add(sum, block, normalize_, probes_.get().data(), helpers, in_float)) return false;
    if (rounds && !in_float) sum.note_loss();
  }
  if (!in_float) return true;
  // Each chunk is an addition, and those of a block are some.
  adder.finish(sum);
  sum.note_loss(rows.rows / RowAdder::float_chunk + (rows.rows + block_rows - 1) / block_rows);
  return true;
}

// Adds to each layer what those workers summed that began inside it.
void LayerAccumulator::add_beginnings(const std::vector<std::int64_t>& layer_of, const Plan& plan) {
  const int workers = static_cast<int>(std::min<std::int64_t>(plan.workers, n_layers()));
  parallel_ranges(n_layers(), workers, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::size_t worker = 1; worker < layer_of.size(); ++worker) {
      const std::int64_t layer = layer_of[worker];
      if (layer < begin || layer >= end) continue;
      CentredSum& sum = sums_[static_cast<std::size_t>(layer)];
      add_with_loss(sum, beginnings_[worker - 1], probes_);
      beginnings_[worker - 1].clear();
    }
  });
}

void LayerAccumulator::require_mergeable(const LayerAccumulator& other) const {
  const auto differ = [](const char* what, auto ours, auto theirs) {
    throw std::invalid_argument(std::string("cannot merge stacks of ") + what + " " +
                                std::to_string(ours) + " and " + what + " " +
                                std::to_string(theirs));
  };
  if (other.n_layers() != n_layers()) differ("n_layers", n_layers(), other.n_layers());
  if (other.dim_ != dim_) differ("dim", dim_, other.dim_);
  if (other.seed_ != seed_) differ("seed", seed_, other.seed_);
  if (other.normalize_ != normalize_) {
    throw std::invalid_argument("cannot merge a stack that normalizes rows with one that does not");
  }
}

void LayerAccumulator::merge(const LayerAccumulator& other) {
  require_mergeable(other);
  // A stack is too large to copy, so both are locked, in whichever order does not block.
  std::unique_lock lock(mutex_, std::defer_lock);
  std::shared_lock other_lock(other.mutex_, std::defer_lock);
  if (this == &other) {
    lock.lock();
  } else {
    std::lock(lock, other_lock);
  }
  require_whole();
  other.require_whole();
  require_countable(n_rows_, other.n_rows_);
  if (sets() < other.sets()) widen_probes();
  if (sets() > other.sets()) {
    merge_carried(other);
  } else {
    for (std::size_t layer = 0; layer < sums_.size(); ++layer) {
      add_with_loss(sums_[layer], other.sums_[layer], probes_);
    }
  }
  n_rows_ += other.n_rows_;
}

void LayerAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  for (CentredSum& sum : sums_) sum.clear();
  for (CentredSum& sum : beginnings_) sum.clear();
  for (CentredSum& sum : young_) sum.clear();
  for (FloatChoice& choice : choices_) choice.reset();
  n_rows_ = 0;
  torn_ = false;
}

std::int64_t LayerAccumulator::n_rows() const {
  const std::shared_lock lock(mutex_);
  return n_rows_;
}

CentredSum LayerAccumulator::copy_of(std::size_t layer) const {
  const CentredSum& sum = sums_[layer];
  CentredSum copy(dim_, Storage::square, sum.probe_sets());
  copy = sum;
  return copy;
}

CentredSum LayerAccumulator::total(std::int64_t layer, std::int64_t* n_rows) const {
  if (layer < 0 || layer >= n_layers()) {
    throw std::out_of_range("layer " + std::to_string(layer) + " of " + std::to_string(n_layers()));
  }
  const std::shared_lock lock(mutex_);
  require_whole();
  *n_rows = n_rows_;
  return copy_of(static_cast<std::size_t>(layer));
}

}  // namespace rankme
