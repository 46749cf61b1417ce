// Singular values with their intervals, from whatever computed eigenvalues or a factor.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "rankme/accuracy.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/wielandt.hpp"

namespace rankme {

enum class Method { gram, qr };

// sigma_k = scaled[k] * 2^exponent, descending, exactly min(N, K) of them. Every functional of the
// spectrum that ignores scale can use `scaled`, which cannot overflow. The exact value lies between
// low[k] and high[k], on the same scale and descending as well; and all of them together are where
// the uncertainty says.
struct SingularValues {
  std::vector<double> scaled;
  std::vector<double> low;
  std::vector<double> high;
  int exponent = 0;
  Uncertainty uncertainty;
  // Finds those of the same rows, centred where these are not and the other way round, where one
  // reduction answers both. A score has no use for them, so they wait until they are asked for.
  std::function<SingularValues()> other = nullptr;
};

// Over the box of the ends and what the uncertainty leaves of it.
Interval rankme_bounds(const SingularValues& values, double eps);

// What a factor can have and what may be off in it.
struct Extent {
  std::int64_t count;  // singular values, min(N, K)
  std::int64_t rank;   // no more of them can differ from zero
  // Rows that were divided by their computed norms: each is off by this factor at most, and all
  // entries together by this much.
  double normalization = 0;
  double rounding = 0;
};
Extent extent_of(std::int64_t n_rows, std::int64_t n_cols, bool center, bool normalize);

// The dimensions in which there is anything at all, by the diagonal of the Gram matrix (entries
// `stride` doubles apart) and the column sums, both before centring. A dead one has an eigenvalue
// of exactly 0; the solver would make it eps * lambda_1, and its root is no longer small.
std::vector<std::int64_t> live_dimensions(const double* diagonal, std::int64_t stride,
                                          const double* column_sums, std::int64_t dim);

// What short columns say of the smallest eigenvalues, which rounding beside the largest would hide.
struct SmallColumns {
  std::vector<double> squares;  // bounds of the squared norms of all columns, ascending
  // Of `beside` longer columns B (0: nothing is known) and the shorter ones T: the eigenvalues of
  // X^T G X with X = [-C; I], descending, each off by schur_error at most; the norms of C and of
  // G_BT - G_BB C; and what the squared norms of all columns that are not in B add up to, and of
  // those that are in neither.
  std::int64_t beside = 0;
  std::vector<double> schur;
  double schur_error = 0;
  double coupling = 0;
  double rest = 0;
  double not_beside = 0;
  double left_out = 0;
};

// A bound of the squared norm of a column, by its entry on the diagonal of a Gram matrix. depth:
// the longest chain of additions behind it.
double largest_square(double entry, double depth);

// From the ascending eigenvalues of a Gram matrix on the scale 2^exponent; perhaps none. Every one
// lies within delta of the exact one (Weyl 1912), and within the solver's own error of the one that
// it should have found. absolute: what every singular value is off by beside that, as from a vector
// that was subtracted from all rows (subtraction_error). The last ones are cut with what the
// columns say of them. solver_scale: the Frobenius norm of the matrix that the solver saw, where
// that is not the one with these eigenvalues. Throws IntegrityError where one is too far below zero
// to be rounding.
SingularValues from_eigenvalues(std::span<const double> ascending, int exponent,
                                const Extent& extent, const GramAccuracy& accuracy, double absolute,
                                const SmallColumns& columns = {}, double solver_scale = 0);

// From the descending singular values of a triangular factor that is off by `error` at most, in the
// Frobenius norm (Mirsky 1960).
SingularValues from_factor_values(std::span<const double> descending, const Extent& extent,
                                  double error);

// Whether rows are nearer to the first row than to zero, by a sample of them: then their mean is
// longer than the spread around it, and centring at the end would lose what it cancels. sample_of:
// the part of z that is looked at.
MatrixView sample_of(const MatrixView& z);
bool mean_dominates(const MatrixView& sample, bool normalize);

}  // namespace rankme
