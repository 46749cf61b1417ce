// Random vectors that are carried along with a Gram matrix and tell how far it can be trusted.
//
// X is dim x 8 with independent standard normal entries; Y = Z^T (Z X) is summed block by block,
// apart from the Gram matrix. If the computed matrix is G + E, then G' X - Y = E X up to the
// rounding of Y, and E ||E X||_F^2 = 8 ||E||_F^2. Where the products are in float32 there are
// several sets of eight, one behind the other.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"

namespace rankme {

constexpr int probe_count = 8;

// P(||E X||_F^2 < 8 ||E||_F^2 / probe_safety^2) < 1e-6 for every E that does not depend on X. The
// worst case is an E of rank one, where the left side is ||E||_F^2 times a chi-squared variable
// of 8 degrees of freedom, and P(chi^2_8 < 8 / 64) = 6.1e-7 (docs: mathematics, 17).
constexpr double probe_safety = 8;

// The same of r = 8 sets probes: P(chi^2_r < r / safety^2) < 6.1e-7 as well. More of them know the
// error better, and where it is float32's it decides how narrow the interval is.
double safety_of(int probe_sets);

// How many sets are carried along with sums in float32 of this order: as many as are cheap beside
// it.
int float_probe_sets(std::int64_t dim);

// The probes that belong to a seed: (sets, dim, 8) row-major, the same on every machine. The first
// sets of many are those of few.
std::vector<double> gaussian_probes(std::int64_t dim, std::uint64_t seed, int sets = 1);

// products += block^T (block probes) for one set; scratch has room for 8 numbers a row of the
// block.
void add_probe_products(const Block& block, const double* probes, double* scratch,
                        double* products);

// high + low += as many products, in two parts (two_sum.hpp).
void add_products(const double* products, std::vector<double>& high, std::vector<double>& low);

// out (8) = row probes; and out (8) = the sum of that many lines of 8.
void project(const double* row, std::int64_t dim, const double* probes, double* out);
void sum_projections(const double* lines, std::int64_t count, double* out);

}  // namespace rankme
