#include "region.hpp"

#include <limits>
#include <utility>

#include "multiversion.hpp"

namespace rankme {

namespace {

// So many values at a time stay in the first-level cache.
constexpr std::size_t tile = 512;

// The values where those of a cell are less than what there is, and what the cell uses of the ball.
RANKME_MULTIVERSION void take_cell(const double* cell, std::size_t count, double cost, double part,
                                   double* least, double* used) {
  for (std::size_t i = 0; i < count; ++i) {
    const double value = cell[i] + cost;
    used[i] = value < least[i] ? part : used[i];
    least[i] = value < least[i] ? value : least[i];
  }
}

}  // namespace

Region::Region(Bounded bounded) : set_(std::move(bounded)) {
  for (std::size_t k = 0; k < set_.solved; ++k) {
    const bool is_narrow = set_.high[k] - set_.low[k] <= narrow_width * set_.low[k];
    (is_narrow ? narrow_ : open_).push_back(k);
  }
  for (std::size_t j = 0; j < cells; ++j) {
    const double decades = first_decade * (1 - static_cast<double>(j) / (cells - 1));
    ends_[j + 1] = std::pow(10.0, decades);
  }
  for (std::size_t j = 0; j < cells; ++j) costs_[j] = ends_[j] * ends_[j];
  for (const double end : ends_) {
    for (const std::size_t k : open_) {
      down_.push_back(moved(k, -1, set_.radius * end));
      up_.push_back(moved(k, 1, set_.radius * end));
    }
  }
}

double Region::moved(std::size_t k, int direction, double distance) const {
  const double s = set_.scaled[k];
  const double y = (set_.of_squares ? s * s : s) + direction * (set_.zone[k] + distance);
  const double sigma = set_.of_squares ? std::sqrt(std::max(y, 0.0)) : y;
  return std::clamp(sigma, set_.low[k], set_.high[k]);
}

Region::Dual Region::dual(const std::vector<double>& values, double pull, double multiplier) const {
  const std::size_t count = open_.size();
  CompensatedSum total;
  double spent = 0;
  std::array<double, tile> least;
  std::array<double, tile> used;
  for (std::size_t begin = 0; begin < count; begin += tile) {
    const std::size_t length = std::min(tile, count - begin);
    std::copy_n(values.data() + begin, length, least.data());
    used.fill(0);
    for (std::size_t j = 1; j < cells; ++j) {
      take_cell(values.data() + j * count + begin, length, multiplier * costs_[j], costs_[j],
                least.data(), used.data());
    }
    for (std::size_t i = 0; i < length; ++i) {
      total.add(least[i]);
      spent += used[i];
    }
  }
  const double ratio = pull > 0 ? pull / (2 * multiplier) : 0;
  return {total.value() - ratio * ratio * multiplier - multiplier, spent + ratio * ratio - 1};
}

// By halving, in ratios. At the upper end half of the ball is enough for all that can be gained;
// below the lower one the multiplier costs nothing that can be seen.
Region::Best Region::best_multiplier(const std::vector<double>& values, double pull) const {
  const std::size_t count = open_.size();
  CompensatedSum at_rest;
  double gain = 0;
  for (std::size_t i = 0; i < count; ++i) {
    double least = values[i];
    for (std::size_t j = 1; j < cells; ++j) least = std::min(least, values[j * count + i]);
    gain += values[i] - least;
    at_rest.add(values[i]);
  }
  double above = 2 * gain + pull;
  if (!(above > 0)) return {0, at_rest.value()};
  double below = above * 1e-7;
  Best best{above, -std::numeric_limits<double>::infinity()};
  for (int step = 0; step < 12; ++step) {
    const double multiplier = std::sqrt(below) * std::sqrt(above);
    const Dual here = dual(values, pull, multiplier);
    if (here.value > best.value) best = {multiplier, here.value};
    (here.slope > 0 ? below : above) = multiplier;
  }
  return best;
}

}  // namespace rankme
