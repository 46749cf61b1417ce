// The streaming QR factorisation R <- qr([R; block]): three times the work of a Gram matrix, and
// it sees singular values down to the last bit of the largest, where a Gram matrix ends at 1e-8.
// Threads have ranges of rows and factors of their own, which meet when one is asked for.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/ledger.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/qr_factor.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/row_eliminator.hpp"

namespace rankme {

class Teams;

// The singular values of a factor, descending, dim of them. center needs the ones.
std::vector<double> singular_values(QrFactor factor, bool center);

class QrAccumulator {
public:
  // As GramAccumulator. Means::none leaves the ones out, and centring with them.
  QrAccumulator(std::int64_t dim, bool normalize, Means means);
  QrAccumulator(QrFactor factor, std::int64_t n_rows, bool normalize, ShardRows shards = {});
  QrAccumulator(const QrAccumulator&) = delete;
  QrAccumulator& operator=(const QrAccumulator&) = delete;

  // As those of GramAccumulator; and no entry may exceed 2^1000, since sums of them would overflow.
  void update(const MatrixView& z, const std::string* shard = nullptr);
  // centred: what the factor is of will be, so that the first row may be subtracted from all; or,
  // without ones, from each row its own first entry.
  [[nodiscard]] bool consume(const MatrixView& z, const UnitScale* column_scales, bool centred);
  void merge(const QrAccumulator& other);
  void reset();

  std::int64_t dim() const { return factor_.dim; }
  bool normalize() const { return normalize_; }
  std::int64_t n_rows() const;
  ShardRows shards() const;
  QrFactor total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  QrFactor take() &&;

private:
  // Each worker has a range of rows and a factor of its own.
  struct Plan {
    Crew crew;
    std::int64_t block_rows;
  };
  Plan plan(std::int64_t rows) const;
  void prepare(const Plan& plan);
  void set_origin(const MatrixView& first_row);
  bool accumulate(const MatrixView& z, const Plan& plan, Teams& teams,
                  const QrPreparation& preparation);
  QrFactor& factor_of(int worker);
  Terms terms() const { return {dim(), normalize_}; }
  void require_whole() const;

  bool normalize_;
  Ledger ledger_;
  bool torn_ = false;
  QrFactor factor_;
  std::vector<QrFactor> others_;  // of the workers behind the first, about the same origin
  std::vector<RowEliminator> rooms_;
  mutable std::mutex mutex_;
};

}  // namespace rankme
