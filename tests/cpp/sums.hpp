// What tests ask of sums.
#pragma once

#include <vector>

#include "rankme/centred_sum.hpp"

namespace sums {

inline bool same_bits(const rankme::CentredSum& a, const rankme::CentredSum& b) {
  return a.exponent == b.exponent && a.rows == b.rows && a.blocks == b.blocks &&
         a.longest_block == b.longest_block && a.packed() == b.packed() && a.origin == b.origin &&
         a.offset.high == b.offset.high && a.offset.low == b.offset.low &&
         a.probe_products == b.probe_products && a.probe_products_low == b.probe_products_low &&
         a.mean_products == b.mean_products && a.mean_residual == b.mean_residual &&
         a.unseen == b.unseen && a.cancelled == b.cancelled;
}

// Z^T Z of the rows in it, the whole matrix.
inline std::vector<double> dense(const rankme::CentredSum& sum) {
  return sum.uncentred(nullptr).dense();
}

}  // namespace sums
