// The streaming Gram matrix Z^T Z in float64: rows come in blocks and are never kept.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "rankme/gram_sum.hpp"
#include "rankme/ledger.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/row_adder.hpp"

namespace rankme {

class GramAccumulator {
public:
  // dim: columns of every block. normalize: each row is divided by its Euclidean norm on the way
  // in; a row of zeros stays. seed: of the probes. probed: false leaves them out, which is there to
  // measure what they cost; such a sum has no spectrum.
  GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, bool probed = true);
  GramAccumulator(GramSum sum, std::int64_t n_rows, bool normalize, std::uint64_t seed,
                  ShardRows shards = {});
  GramAccumulator(const GramAccumulator&) = delete;
  GramAccumulator& operator=(const GramAccumulator&) = delete;

  // Adds the rows of z. All or nothing: a block with a wrong width, NaN or infinity changes
  // nothing. Safe to call from several threads. shard: the id that the rows are counted under.
  void update(const MatrixView& z, const std::string* shard = nullptr);

  // Adds the rows of z in a single pass that checks each as it goes by. False where an entry was
  // not finite: the sum is then torn and must be thrown away. For one-shot calls.
  [[nodiscard]] bool consume(const MatrixView& z, const Preparation& preparation);

  // A shard that both hold is a DuplicateShardError, and nothing has changed.
  void merge(const GramAccumulator& other);
  void reset();

  std::int64_t dim() const { return dim_; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  const std::vector<double>& probes() const { return probes_; }
  std::int64_t n_rows() const;
  ShardRows shards() const;
  // The sum of all rows so far; their number and where they came from, read at the same instant,
  // go to *n_rows and *shards.
  GramSum total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  // The same without a copy, at the end of a one-shot call: ends the accumulator.
  GramSum take() &&;

private:
  struct Plan {
    int workers;              // ranges of rows, each with a sum of its own
    bool blas_threads;        // one range, and BLAS splits the matrix
    std::int64_t block_rows;  // rows a dsyrk
    std::int64_t most_asides;
  };

  Plan plan(std::int64_t rows) const;
  void prepare(const Plan& plan, std::size_t asides);
  bool accumulate(const MatrixView& z, const Plan& plan, const Preparation& preparation);
  bool add_aside(const MatrixView& z, const Plan& plan, const std::vector<std::int64_t>& ends);
  Terms terms() const { return {dim_, normalize_, seed_}; }
  void require_whole() const;

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  bool probed_ = true;
  std::vector<double> probes_;
  Ledger ledger_;
  bool torn_ = false;
  // A worker's own: a sum and room to work in, so that threads meet only at the end.
  std::vector<GramSum> sums_;
  std::vector<RowAdder> adders_;
  std::vector<GramSum> asides_;  // see add_aside
  mutable std::mutex mutex_;
};

}  // namespace rankme
