// How far a computed Gram matrix may be from the exact one: what the probes measure, and what
// rounding can do where nothing measures it.
#pragma once

#include <cstdint>
#include <span>

namespace rankme {

// Unit roundoff of float64.
constexpr double unit_roundoff = 0x1p-53;

struct GramAccuracy {
  double trace;
  double frobenius;  // of the matrix
  // Bounds the Frobenius norm of its error, except with a probability below 1e-6 (probe.hpp).
  double delta;
};

// What was measured of a Gram matrix G with the probes X and the products Y beside it.
struct Measured {
  std::int64_t dim;
  double depth;  // the longest chain of additions behind an entry (addition_depth)
  double trace;
  double frobenius;    // ||G||_F
  double residual;     // ||G X - Y||_F
  double probes_norm;  // ||X||_F
};

// Throws IntegrityError where the residual is more than twice what rounding can explain in the
// worst case:
//
//   ||G X - Y||_F <= (2 dim + 2 depth + 8) u trace(G) ||X||_F.
//
// Rounding alone can never cause it. An error f in one entry is caught with a probability above
// 1 - 1e-6 where |f| is more than 9 times the right side.
GramAccuracy judge(const Measured& measured);

// blocks + rows of the longest block.
double addition_depth(std::int64_t blocks, std::int64_t longest_block);

// The Euclidean norm on the scale of the largest entry, whose square may not fit. NaN if one is.
double euclidean_norm(std::span<const double> x);

// What centring adds to delta. Of columns, by column sums: their own rounding and that of the
// rank-one term. Of rows and columns, by their means: the same, seen from the other side.
double column_centering_error(double depth, std::span<const double> column_sums,
                              const GramAccuracy& accuracy, double n_rows);
double two_sided_centering_error(std::int64_t dim, const GramAccuracy& accuracy);

// Backward error of the eigenvalue solver, relative to the largest eigenvalue.
double solver_error(std::int64_t order);

}  // namespace rankme
