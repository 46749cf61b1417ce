// A scatter matrix about the mean as a value: what accumulators add up, merge, save and turn into a
// spectrum, centred or not.
//
// Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for computing sample
// variances", COMPSTAT 1982): with n rows of mean m and scatter S, and n' of mean m' and scatter
// S',
//
//   scatter = S + S' + n n' / (n + n') (m' - m)(m' - m)^T,   mean = m + n' / (n + n') (m' - m).
//
// The mean is kept as one of the rows, the origin, which is exact, plus an offset, so that a mean
// that is much longer than the spread around it costs nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rankme/gram_sum.hpp"

namespace rankme {

// The mean of some rows less an origin, in two parts.
struct Offset {
  std::vector<double> high, low;
};

// How a scatter is stored: as a square, whose lower triangle BLAS and LAPACK work in, or as that
// triangle alone, row after row, for sums that are only added up and kept.
enum class Storage { square, packed };

struct CentredSum {
  // Throws OutOfMemory where there is no room for it. sets: of probes (probe.hpp).
  explicit CentredSum(std::int64_t dim, Storage storage = Storage::square, int sets = 1);

  std::int64_t dim;
  Storage storage;
  int exponent = 0;       // everything here is of Z * 2^-exponent, as in a GramSum
  std::int64_t rows = 0;  // n
  // (dim, dim) row-major, lower triangle, the upper one is not defined; or packed.
  std::vector<double> scatter;
  std::vector<double> origin;  // (dim,)
  Offset offset;               // (dim,) the mean less the origin
  // scatter X for the probes X of probe.hpp, (sets, dim, 8) row-major, in two parts.
  std::vector<double> probe_products, probe_products_low;
  std::vector<double> mean_products;  // (8,) sum (z - origin) X over all rows z
  // The squares that have gone into the scatter, summed apart: the trace that it should have. The
  // probes are known to all, and see nothing of a loss across all of them; but what is lost because
  // it is small beside the rest is missing in the trace as well.
  TwoParts squares;
  // What the probes have seen of the rounding of block means: an estimate of sum n' |error|^2 over
  // the blocks of n' rows.
  double mean_residual = 0;
  // A bound of the Frobenius norm of what the scatter is off by that no probe has seen: from sums
  // that were not centred, and from adding a little to a lot.
  double unseen = 0;
  // The trace of Z^T Z of sums that were not centred: what they and their probes have rounded is
  // relative to that and not to the scatter, which has cancelled.
  double cancelled = 0;
  std::int64_t blocks = 0;  // as in a GramSum
  std::int64_t longest_block = 0;
  std::int64_t float_rows = 0;  // of the rows, those whose products were summed in float32
  // What their sums of squares were off by. The scatter has those of float64 in their place; but
  // what float32 has lost beside the rest is missing here too. Of a sum with one set of probes
  // none.
  double float_lost = 0;

  int probe_sets() const {
    return static_cast<int>(static_cast<std::int64_t>(probe_products.size()) / (8 * dim));
  }

  // Where row i of the triangle begins in the scatter.
  std::size_t row_start(std::int64_t i) const {
    return static_cast<std::size_t>(storage == Storage::packed ? i * (i + 1) / 2 : i * dim);
  }
  bool is_zero() const;
  void clear();
  // Counts among what is unseen what the last additions may have taken from what was added: a
  // rounding of each entry.
  void note_loss(std::int64_t additions = 1);
  // Makes room for rows whose largest magnitude is given, before their squares are added. True
  // where the scale has changed.
  bool fit_scale(double largest);
  double mean(std::int64_t j) const;  // on the scale of the sum

  // Takes `more` rows whose mean less the origin is given into n and the mean. Writes
  // sqrt(n n' / (n + n')) (m' - m), whose outer product the scatter still lacks, to row (dim,);
  // false where that is zero.
  bool move_mean(std::int64_t more, const Offset& their_mean, double* row);

  // Each of the two may be a square or packed; both have as many sets of probes. probes: all of
  // these, or none. workers: threads that share the matrix. Asks for no memory where one is added.
  void add(const CentredSum& other, const double* probes, int workers = 1);
  // One after the other, in one pass over the matrix.
  using Sums = std::span<const CentredSum* const>;
  void add(const Sums& others, const double* probes, int workers = 1);

  // For an empty sum: gets what the other one holds, which is empty then. One pass over both, where
  // an addition to nothing and clear() take two. Asks for no memory.
  void take(CentredSum& other, int workers = 1);

  // Sums over other rows each that are about one point, on one scale, add up entry by entry, to the
  // sum about that point; where it is the mean of all rows, that is their scatter. Makes this sum
  // one of those: about new_origin + point, on the scale of new_exponent.
  void move_to(int new_exponent, const std::vector<double>& new_origin, const Offset& point,
               const double* probes, int workers = 1);

  // The same rows as Z^T Z, by S + n m m^T; and back, by G - s s^T / n, which loses what cancels:
  // `unseen` says how much at most. Of a square.
  GramSum uncentred(const double* probes) const&;
  GramSum uncentred(const double* probes) &&;  // in the same matrix
  static CentredSum from_uncentred(const GramSum& sum, std::int64_t n_rows, const double* probes);

  std::vector<double> packed() const&;
  std::vector<double> packed() &&;  // in the same memory
  void unpack(const double* packed);

private:
  void rescale(int new_exponent);
  void look_at(const CentredSum& other, int exponent_shift, const std::vector<double>& from);
  void make_room(const Sums& others);
  void add_beside(const CentredSum& other, const double* probes, double* row);
  void add(const Sums& filled, const double* probes, double* moved, int workers);
  void add_products(const CentredSum& other, const double* probes, int exponent_shift,
                    const double* row);
  void add_moved(std::int64_t their_rows, const double* probes, const double* row);

  // Room for both: a mean and an origin as seen from another origin, and the row of move_mean.
  Offset theirs_;
  std::vector<double> shift_, row_;
};

}  // namespace rankme
