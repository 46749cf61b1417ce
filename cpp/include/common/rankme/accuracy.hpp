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
  // What bounds the roundings behind an entry of G X - Y (scatter_chains, gram_chains).
  double chains;
  double trace;
  double frobenius;    // ||G||_F
  double residual;     // ||G X - Y||_F
  double lost;         // what the trace is off by, if that is known
  double probes_norm;  // ||X||_F
  // The trace of what G was before most of it cancelled, if it did: what has rounded until then is
  // relative to that. Its probe products may have been summed row after row, as they were before
  // there was a scatter.
  double cancelled = 0;
  double rows = 0;
  int probe_sets = 1;
};

// What products that were rounded and summed in float32 add to a chain of roundings: so many there
// are as long as these in float64.
double float_depth();

// For G with its blocks' products summed apart, in two parts: a chain of dim in B X and in G X, one
// of the block in B^T (B X) and in B^T B, and one of all blocks in G. A hundredth is for what is of
// second order.
double scatter_chains(std::int64_t dim, std::int64_t blocks, std::int64_t longest_block);
// With Y as long a chain as G; and as much again, since it is measured on GPUs as well.
double gram_chains(std::int64_t dim, double depth);

// Throws IntegrityError where the residual is more than rounding can explain in the worst case:
//
//   ||G X - Y||_F <= (chains trace(G) + (gram_chains + 2 rows) cancelled) u ||X||_F
//
// or where |lost| is more than twice (depth + dim + 32) u (trace(G) + cancelled). The residual goes
// into delta with its safety factor; the loss as it is, since what sums lose because it is small
// beside the rest has one sign, and then its trace is at least its Frobenius norm.
//
// Rounding alone can never cause it. An error f in one entry is caught with a probability above
// 1 - 1e-6 where |f| is more than 6 times the right side.
GramAccuracy judge(const Measured& measured);

// What is known of a scatter matrix and of the mean beside it.
struct CentredAccuracy {
  GramAccuracy scatter;  // its trace is no less than the exact one
  // Bounds sqrt(n) times the norm of the mean's error, which is how far it moves a singular value
  // of the rows; with the same probability.
  double mean;
};

// What was measured of the mean of n rows with the probes X: `difference` is
// ||sum (z - origin) X - n offset X||.
struct MeasuredMean {
  double n_rows;
  double depth;
  double trace;   // of the scatter, and of what has cancelled to it
  double offset;  // ||mean - origin||
  double difference;
  double probes_norm;
  std::int64_t dim;
};

// Throws IntegrityError where the difference is more than twice what rounding can explain:
//
//   (2 dim + 2 depth + 8) u sqrt(n (trace + n ||offset||^2)) ||X||_F,
//
// the root being at most sum ||z - origin|| (Cauchy and Schwarz).
double judge(const MeasuredMean& measured);

// What the rounding of block means does to the scatter. With delta the distance of a block's mean
// from the running one and e its error, the scatter is off by 2 sum n' |delta| |e| at most, where
// sum n' |delta|^2 <= trace and sum n' |e|^2 is what the probes have seen; and by a few roundings
// of the distances themselves.
double scatter_rounding(double trace, double mean_residual);

// blocks + rows of the longest block.
double addition_depth(std::int64_t blocks, std::int64_t longest_block);

// The same of what the means of blocks add to the square of a column. A mean of r rows is off by
// r u times the mean distance d from the first row (by up to r u |d|), n d^2 adds up to no more
// than (1 + r) times the column's square, and that is off by twice the product (Cauchy, Schwarz).
double mean_depth(std::int64_t longest_block);

// The Euclidean norm on the scale of the largest entry, whose square may not fit. NaN if one is.
double euclidean_norm(std::span<const double> x);

// What centring adds to delta. Of columns, by column sums: their own rounding and that of the
// rank-one term. Of rows and columns, by their means: the same, seen from the other side.
double column_centering_error(double depth, std::span<const double> column_sums, double trace,
                              double n_rows);
double two_sided_centering_error(std::int64_t dim, const GramAccuracy& accuracy);

// What the subtraction of one vector from every row moves a singular value by: both it and the
// result round, and the norm of all that is left is the root of the trace.
double subtraction_error(const GramAccuracy& accuracy);

// The same of blocks that are centred in two steps: the first row of a block may be as far from the
// others as the trace allows, and as often as the block has rows.
double block_centring_error(const GramAccuracy& accuracy, std::int64_t longest_block);

// Backward error of the eigenvalue solver, relative to the largest eigenvalue.
double solver_error(std::int64_t order);

}  // namespace rankme
