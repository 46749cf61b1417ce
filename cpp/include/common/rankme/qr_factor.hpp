// The triangular factor of a QR factorisation as a value: what accumulators add up, merge and save.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// Whether a factor carries the column of ones that centring needs.
enum class Means { kept, none };

// R of Z = Q R, or of [1 Z] = Q R with a column of ones in front. With it the first row of R is the
// part along the mean, and what stands below and right of it is R of the rows less their mean:
// centred and not centred come from the same factor, and nothing cancels.
struct QrFactor {
  QrFactor(std::int64_t dim, bool with_ones);

  std::int64_t order() const { return dim + (with_ones ? 1 : 0); }
  // ||Z||_F
  double norm() const;
  // Bounds the error of every singular value: Householder's backward error, once a block.
  double error() const;
  // R <- R H with H = I - 1 1^T / dim: centres Z where this is the factor of Z^T.
  void center_rows();

  // The upper triangle, column after column; and back.
  std::vector<double> packed() const;
  void unpack(const double* packed);

  std::int64_t dim;
  bool with_ones;
  std::int64_t blocks = 0;  // that were factored into it
  std::vector<double> r;    // (order, order) column-major
};

// How many rows are eliminated at a time.
std::int64_t qr_block_rows(std::int64_t order);
// Throws where an entry of this magnitude is too large to be eliminated.
void require_qr_size(double largest);

}  // namespace rankme
