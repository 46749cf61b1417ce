// Sums in two parts that lose nothing: what rounding takes from the first stays in the second.
#pragma once

#include <cstddef>

namespace rankme {

// high + low += x, exactly but for the rounding of low itself (Knuth, TAOCP 2, 4.2.2).
inline void add_two_sum(double& high, double& low, double x) {
  const double sum = high + x;
  const double back = sum - high;
  low += (high - (sum - back)) + (x - back);
  high = sum;
}

// a - b as the double nearest to it; what it is off by goes to *error.
inline double two_difference(double a, double b, double* error) {
  const double difference = a - b;
  const double back = difference - a;
  *error = (a - (difference - back)) - (b + back);
  return difference;
}

}  // namespace rankme
