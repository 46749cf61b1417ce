// The streaming QR factorisation R <- qr([R; block]): three times the work of a Gram matrix, and
// it sees singular values down to the last bit of the largest, where a Gram matrix ends at 1e-8.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/shards.hpp"

namespace rankme {

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
  // Descending, dim of them. center needs the ones. Uses the factor up.
  std::vector<double> singular_values(bool center) &&;

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

class QrAccumulator {
public:
  enum class Means { kept, none };

  // As GramAccumulator. Means::none leaves the ones out, and centring with them.
  QrAccumulator(std::int64_t dim, bool normalize, Means means);
  QrAccumulator(QrFactor factor, std::int64_t n_rows, bool normalize, ShardRows shards = {});
  QrAccumulator(const QrAccumulator&) = delete;
  QrAccumulator& operator=(const QrAccumulator&) = delete;

  // As those of GramAccumulator; and no entry may exceed 2^1000, since sums of them would overflow.
  void update(const MatrixView& z, const std::string* shard = nullptr);
  [[nodiscard]] bool consume(const MatrixView& z, const UnitScale* column_scales);
  void merge(const QrAccumulator& other);
  void reset();

  std::int64_t dim() const { return factor_.dim; }
  bool normalize() const { return normalize_; }
  std::int64_t n_rows() const;
  ShardRows shards() const;
  QrFactor total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  QrFactor take() &&;

private:
  bool accumulate(const MatrixView& z, const UnitScale* column_scales);
  bool add_rows(const MatrixView& rows, const UnitScale* column_scales);
  void eliminate(std::int64_t rows, bool triangular);
  void require_width(const MatrixView& z) const;
  void require_whole() const;

  bool normalize_;
  std::int64_t n_rows_ = 0;
  ShardRows shards_;
  bool torn_ = false;
  QrFactor factor_;
  std::vector<double> block_;
  std::vector<double> reflectors_;
  std::vector<double> work_;
  mutable std::mutex mutex_;
};

}  // namespace rankme
