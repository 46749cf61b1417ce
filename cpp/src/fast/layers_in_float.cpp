// What a stack of layers does for products in float32.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "rankme/layers.hpp"
#include "rankme/parallel.hpp"
#include "rankme/threads.hpp"

namespace rankme {

// With Precision::fast the first rows of a layer decide about the others.
void LayerAccumulator::look_at(const std::vector<MatrixView>& zs, int workers) {
  if (precision_ == Precision::float64) return;
  const std::int64_t expected = std::max(n_rows_ + zs.front().rows, 4 * dim_);
  parallel_ranges(n_layers(), static_cast<int>(std::min<std::int64_t>(workers, n_layers())),
                  [&](int, std::int64_t begin, std::int64_t end) {
                    const OneThread alone;
                    for (auto layer = static_cast<std::size_t>(begin);
                         layer < static_cast<std::size_t>(end); ++layer) {
                      if (zs[layer].dtype == DType::float64) continue;
                      choices_[layer].look(zs[layer], expected);
                    }
                  });
}

// What to go back to where an update fails; nothing once all have decided.
std::vector<FloatChoice::State> LayerAccumulator::undecided() const {
  std::vector<FloatChoice::State> states;
  const auto open = [](const FloatChoice& choice) { return !choice.decided(); };
  if (precision_ == Precision::float64 || std::none_of(choices_.begin(), choices_.end(), open)) {
    return states;
  }
  for (const FloatChoice& choice : choices_) states.push_back(choice.state());
  return states;
}

void LayerAccumulator::restore(const std::vector<FloatChoice::State>& states) {
  for (std::size_t layer = 0; layer < states.size(); ++layer) {
    choices_[layer].restore(states[layer]);
  }
}

bool LayerAccumulator::any_in_float() const {
  return std::any_of(choices_.begin(), choices_.end(),
                     [](const FloatChoice& choice) { return choice.in_float(); });
}

// Adds sums that carry fewer probes, each as a copy that carries as many as ours. What may fail
// comes first.
void LayerAccumulator::merge_carried(const LayerAccumulator& other) {
  std::vector<CarriedProbes> carried;
  for (const CentredSum& sum : other.sums_) {
    carried.push_back(carried_probes(sum, sets(), probes_.get()));
  }
  CentredSum copy(dim_, Storage::square, sets());
  for (std::size_t layer = 0; layer < sums_.size(); ++layer) {
    copy = other.sums_[layer];
    carry(copy, std::move(carried[layer]));
    sums_[layer].add(copy, probes_.get().data());
    sums_[layer].note_loss();
  }
}

// Gives all sums the probes of sums in float32. After an exception nothing has changed.
void LayerAccumulator::widen_probes() {
  std::vector<double> all = gaussian_probes(dim_, seed_, float_probe_sets(dim_));
  std::vector<CarriedProbes> carried;
  for (const CentredSum& sum : sums_) {
    carried.push_back(carried_probes(sum, float_probe_sets(dim_), all));
  }
  for (std::size_t layer = 0; layer < sums_.size(); ++layer) {
    carry(sums_[layer], std::move(carried[layer]));
  }
  young_.clear();
  beginnings_.clear();
  probes_.widen(std::move(all));
}

std::vector<std::int64_t> LayerAccumulator::float_rows() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::int64_t> rows;
  for (const CentredSum& sum : sums_) rows.push_back(sum.float_rows);
  return rows;
}

CentredSum LayerAccumulator::sum_to_keep(std::int64_t layer, std::int64_t* n_rows) const {
  CentredSum sum = total(layer, n_rows);
  carry_probe_sets(sum, 1, probes_.get());
  return sum;
}

}  // namespace rankme
