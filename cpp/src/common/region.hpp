// A box cut with a ball, over which functions of singular values are minimised. Private to cpp/src.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "rankme/entropy.hpp"

namespace rankme {

// All sigma with low <= sigma <= high and sum_k max(|y(sigma_k) - y(scaled_k)| - zone_k, 0)^2 <=
// radius^2 over the first `solved`, where y(sigma) is sigma^2 (of_squares) or sigma.
struct Bounded {
  std::vector<double> scaled;
  std::vector<double> low;
  std::vector<double> high;
  std::vector<double> zone;
  double radius = 0;
  std::size_t solved = 0;
  bool of_squares = true;
};

struct Minimum {
  double value;               // a lower bound of the minimum, without the rounding of f itself
  std::vector<double> point;  // where about it is
};

// Minimises f(sigma) = sum_k f_k(sigma_k), with every f_k quasi-concave and its slope monotone.
//
// For any mu >= 0 the minimum is at least sum_k min [f_k + mu x_k^2] - mu, where radius * x_k is
// what value k uses of the ball (weak duality). So the search for the best mu needs no proof. Of
// values whose interval is narrow, the slope over the interval bounds f_k; the others go by cells
// of x_k, in each of which a quasi-concave function is smallest at an end.
class Region {
public:
  explicit Region(Bounded bounded);

  const Bounded& set() const { return set_; }

  template <class Function>
  Minimum minimize(const Function& f) const {
    std::vector<double> slopes(narrow_.size());
    CompensatedSum fixed;
    double squares = 0;
    for (std::size_t i = 0; i < narrow_.size(); ++i) {
      const std::size_t k = narrow_[i];
      const double steepest =
          std::max(std::abs(f.slope(k, set_.low[k])), std::abs(f.slope(k, set_.high[k])));
      slopes[i] = (steepest + f.slope_error()) / (set_.of_squares ? 2 * set_.low[k] : 1);
      fixed.add(f.value(k, set_.scaled[k]));
      fixed.add(-slopes[i] * set_.zone[k]);
      squares += slopes[i] * slopes[i];
    }
    Minimum minimum{0, set_.scaled};
    for (std::size_t k = set_.solved; k < set_.low.size(); ++k) {
      const double at_low = f.value(k, set_.low[k]);
      const double at_high = f.value(k, set_.high[k]);
      fixed.add(std::min(at_low, at_high));
      minimum.point[k] = at_low <= at_high ? set_.low[k] : set_.high[k];
    }
    // Sums of positive numbers, each off by a few units in the last place.
    const double pull = set_.radius * std::sqrt(squares) * (1 + 1e-9);
    Best best{pull / 2, -pull};
    if (!open_.empty()) {
      const std::vector<double> values = cell_values(f);
      best = best_multiplier(values, pull);
      place_open(f, values, best.multiplier, minimum.point);
    }
    place_narrow(f, slopes, best.multiplier, minimum.point);
    minimum.value = fixed.value() + best.value;
    return minimum;
  }

private:
  static constexpr std::size_t cells = 48;
  static constexpr double first_decade = -4;
  static constexpr double narrow_width = 1e-3;

  struct Best {
    double multiplier;
    double value;
  };
  struct Dual {
    double value;
    double slope;
  };

  // sigma_k at a distance from the free zone, as far as the box goes.
  double moved(std::size_t k, int direction, double distance) const;

  // The least f_k in each cell, (cells, open values): in the first the free zone counts as well.
  template <class Function>
  std::vector<double> cell_values(const Function& f) const {
    const std::size_t count = open_.size();
    std::vector<double> values(cells * count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t k = open_[i];
      // Where f_k falls over the whole interval, nothing is gained below, and vice versa.
      const bool pays_below = f.slope(k, set_.low[k]) > 0;
      const bool pays_above = f.slope(k, set_.high[k]) < 0;
      double below = f.value(k, down_[i]);
      double above = f.value(k, up_[i]);
      for (std::size_t j = 0; j < cells; ++j) {
        const std::size_t here = j * count + i;
        const std::size_t next = here + count;
        double value = std::min(below, above);
        // Most cells are beyond an end of the box, where nothing changes any more.
        if (pays_below && down_[next] != down_[here]) below = f.value(k, down_[next]);
        if (pays_above && up_[next] != up_[here]) above = f.value(k, up_[next]);
        value = std::min({value, below, above});
        values[here] = value;
      }
    }
    return values;
  }

  // The dual function at a multiplier, and its slope: it is concave.
  Dual dual(const std::vector<double>& values, double pull, double multiplier) const;
  Best best_multiplier(const std::vector<double>& values, double pull) const;

  template <class Function>
  void place_open(const Function& f, const std::vector<double>& values, double multiplier,
                  std::vector<double>& point) const {
    const std::size_t count = open_.size();
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t cell = 0;
      double least = values[i];
      for (std::size_t j = 1; j < cells; ++j) {
        const double value = values[j * count + i] + multiplier * costs_[j];
        if (value < least) {
          least = value;
          cell = j;
        }
      }
      const double below = down_[cell * count + i];
      const double above = up_[cell * count + i];
      point[open_[i]] = f.value(open_[i], below) <= f.value(open_[i], above) ? below : above;
    }
  }

  template <class Function>
  void place_narrow(const Function& f, const std::vector<double>& slopes, double multiplier,
                    std::vector<double>& point) const {
    const double radius = set_.radius;
    for (std::size_t i = 0; i < narrow_.size(); ++i) {
      const std::size_t k = narrow_[i];
      const double reach = slopes[i] * radius * radius / (2 * multiplier);
      const double distance = multiplier > 0 ? std::min(reach, radius) : 0;
      point[k] = moved(k, f.slope(k, set_.scaled[k]) > 0 ? -1 : 1, distance);
    }
  }

  Bounded set_;
  std::vector<std::size_t> narrow_;
  std::vector<std::size_t> open_;
  std::array<double, cells + 1> ends_{};  // of cells, in parts of the radius
  std::array<double, cells> costs_{};
  std::vector<double> down_;  // sigma at the ends of cells, (cells + 1, open values)
  std::vector<double> up_;
};

}  // namespace rankme
