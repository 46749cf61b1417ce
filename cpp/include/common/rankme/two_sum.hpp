// Sums in two parts that lose nothing: what rounding takes from the first stays in the second.
#pragma once

#include <cmath>

namespace rankme {

// high + low += x, exactly but for the rounding of low itself (Knuth, TAOCP 2, 4.2.2).
inline void add_two_sum(double& high, double& low, double x) {
  const double sum = high + x;
  const double back = sum - high;
  low += (high - (sum - back)) + (x - back);
  high = sum;
}

// A number in two parts.
struct TwoParts {
  double high = 0, low = 0;
  void add(double x) { add_two_sum(high, low, x); }
  void add(const TwoParts& x) {
    add(x.high);
    low += x.low;
  }
  TwoParts scaled(int exponent) const {
    return {std::ldexp(high, exponent), std::ldexp(low, exponent)};
  }
};

// a - b as the double nearest to it; what it is off by goes to *error.
inline double two_difference(double a, double b, double* error) {
  const double difference = a - b;
  const double back = difference - a;
  *error = (a - (difference - back)) - (b + back);
  return difference;
}

}  // namespace rankme
