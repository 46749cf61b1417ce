// The streaming scatter matrix in float64, with the mean beside it: what Z^T Z holds, and what
// centred rows need. Rows come in blocks and are never kept.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rankme/centred_sum.hpp"
#include "rankme/float_choice.hpp"
#include "rankme/ledger.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/probe_sets.hpp"
#include "rankme/row_adder.hpp"

namespace rankme {

class GramAccumulator {
public:
  // dim: columns of every block. normalize: each row is divided by its Euclidean norm on the way
  // in; a row of zeros stays. seed: of the probes. probed: false leaves them out, which is there to
  // measure what they cost; such a sum has no spectrum. tolerance: with Precision::fast, the width
  // of RankMe's interval up to which rows are multiplied in float32.
  GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, bool probed = true,
                  Precision precision = Precision::float64, double tolerance = usual_width);
  GramAccumulator(CentredSum sum, bool normalize, std::uint64_t seed, ShardRows shards = {},
                  Precision precision = Precision::float64);
  GramAccumulator(const GramAccumulator&) = delete;
  GramAccumulator& operator=(const GramAccumulator&) = delete;

  // Adds the rows of z. All or nothing: a block with a wrong width, NaN or infinity changes
  // nothing. Safe to call from several threads. shard: the id that the rows are counted under.
  void update(const MatrixView& z, const std::string* shard = nullptr);

  // Adds the rows of z in a single pass that checks each as it goes by. False where an entry was
  // not finite: the sum is then torn and must be thrown away. For one-shot calls.
  [[nodiscard]] bool consume(const MatrixView& z);

  // A shard that both hold is a DuplicateShardError, and nothing has changed.
  void merge(const GramAccumulator& other);
  void reset();

  std::int64_t dim() const { return dim_; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  // All sets that a sum of total() has, and perhaps more.
  const std::vector<double>& probes() const { return probes_.get(); }
  Precision precision() const { return precision_; }
  std::int64_t n_rows() const;
  // How many of the rows were multiplied in float32.
  std::int64_t float_rows() const;
  ShardRows shards() const;
  // The sum of all rows so far; their number and where they came from, read at the same instant,
  // go to *n_rows and *shards.
  CentredSum total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  // The same with one set of probes, as it is saved and sent.
  CentredSum sum_to_keep(std::int64_t* n_rows, ShardRows* shards) const;
  // The same as total() without a copy, at the end of a one-shot call: ends the accumulator.
  CentredSum take() &&;

private:
  void look_at(const MatrixView& z, std::int64_t n_rows);
  void widen_probes();
  void prepare(const SumPlan& plan, std::size_t asides, std::int64_t rows);
  bool accumulate(const MatrixView& z, const SumPlan& plan);
  bool add_aside(const MatrixView& z, const SumPlan& plan, const std::vector<std::int64_t>& ends);
  void settle(int workers);
  const double* probes_if_any() const { return probed_ ? probes_.get().data() : nullptr; }
  Terms terms() const { return {dim_, normalize_, seed_}; }
  void require_whole() const;

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  bool probed_ = true;
  Precision precision_;
  ProbeSets probes_;
  FloatChoice choice_;
  Ledger ledger_;
  bool torn_ = false;
  // Two levels, so that what has come in does not swallow what comes next: each worker has a young
  // sum, and the old one takes them in when they have grown. Threads meet only then, and there is
  // no old one before: a matrix less to touch where rows are few.
  std::optional<CentredSum> old_;
  std::vector<CentredSum> young_;
  std::vector<RowAdder> adders_;
  std::vector<CentredSum> asides_;  // see add_aside
  mutable std::mutex mutex_;
};

}  // namespace rankme
