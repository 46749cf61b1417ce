// Functionals of a spectrum. The only place that knows the formula of RankMe.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

namespace rankme {

// Neumaier's compensated sum: the entropy adds thousands of terms of one sign and very different
// size, and every later bound is easier when the summation adds no error of its own.
class CompensatedSum {
public:
  void add(double x) {
    const double t = sum_ + x;
    lost_ += std::abs(sum_) >= std::abs(x) ? (sum_ - t) + x : (x - t) + sum_;
    sum_ = t;
  }
  double value() const { return sum_ + lost_; }

private:
  double sum_ = 0;
  double lost_ = 0;
};

// RankMe of singular values in any order and on any scale:
//
//   exp(-sum_k p_k log p_k),   p_k = sigma_k / sum(sigma) + eps
//
// (Garrido et al., ICML 2023, eq. 1-2). eps = 0 gives the effective rank of Roy & Vetterli
// (EUSIPCO 2007) with 0 log 0 = 0. A spectrum of zeros has RankMe 0.
inline double rankme(std::span<const double> sigma, double eps) {
  if (!(eps >= 0 && eps <= 1)) throw std::invalid_argument("eps must be from 0 to 1");
  double largest = 0;
  for (const double s : sigma) {
    if (!(s >= 0) || !std::isfinite(s)) {
      throw std::invalid_argument("singular values must be finite and not negative");
    }
    largest = std::max(largest, s);
  }
  if (largest == 0) return 0;

  // The ratio to the largest neither overflows nor loses bits when summed.
  CompensatedSum total;
  for (const double s : sigma) total.add(s / largest);
  CompensatedSum entropy;
  for (const double s : sigma) {
    const double p = (s / largest) / total.value() + eps;
    if (p > 0) entropy.add(-p * std::log(p));
  }
  const double result = std::exp(entropy.value());
  if (!std::isfinite(result)) throw std::overflow_error("eps is too large for so many values");
  return result;
}

}  // namespace rankme
