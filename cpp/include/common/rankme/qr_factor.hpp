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
//
// The rows are Z less an origin, which changes nothing that is centred, and with the ones nothing
// else either: equal rows become zeros, and a mean that is much longer than the spread around it
// costs nothing.
struct QrFactor {
  QrFactor(std::int64_t dim, bool with_ones);

  std::int64_t order() const { return dim + (with_ones ? 1 : 0); }
  // ||Z||_F
  double norm() const;
  // The same rows less another origin. Needs the ones, unless the two are the same.
  void move_origin(const std::vector<double>& to);
  // What a factored block with an entry other than zero leaves of itself even where it has
  // vanished.
  void note_entry();
  // Bounds the error of every singular value of n_rows rows: Householder's backward error, once a
  // block.
  double error(std::int64_t n_rows) const;
  // R <- R H with H = I - 1 1^T / dim: centres Z where this is the factor of Z^T.
  void center_rows();

  // The upper triangle, column after column; and back.
  std::vector<double> packed() const;
  void unpack(const double* packed);

  std::int64_t dim;
  bool with_ones;
  std::int64_t blocks = 0;  // that were factored into it, one after the other
  // Norms that the rounding goes with beside that of R: of what has vanished, and of moves.
  double beside = 0;
  std::vector<double> origin;  // (dim,)
  std::vector<double> r;       // (order, order) column-major
};

// How many rows are eliminated at a time.
std::int64_t qr_block_rows(std::int64_t order);
// Throws where an entry of this magnitude is too large to be eliminated.
void require_qr_size(double largest);

}  // namespace rankme
