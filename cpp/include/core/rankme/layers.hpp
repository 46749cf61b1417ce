// A stack of Gram matrices, one a layer of a network, that grow by the same number of rows at a
// time. Threads share out the layers, so that each layer needs one matrix and no more.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "rankme/centred_sum.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/spectrum.hpp"

namespace rankme {

class LayerAccumulator {
public:
  // As GramAccumulator; the probes are the same for all layers.
  LayerAccumulator(std::int64_t n_layers, std::int64_t dim, bool normalize, std::uint64_t seed);
  // Of sums of one dim, at least one of them, each of n_rows rows.
  LayerAccumulator(std::vector<CentredSum> sums, std::int64_t n_rows, bool normalize,
                   std::uint64_t seed);
  LayerAccumulator(const LayerAccumulator&) = delete;
  LayerAccumulator& operator=(const LayerAccumulator&) = delete;

  // Adds the rows of zs[l] to layer l. All or nothing over the whole stack: another number of
  // layers, rows that are not as many in all of them, a wrong width, NaN or infinity change
  // nothing. Safe to call from several threads.
  void update(const std::vector<MatrixView>& zs);

  void merge(const LayerAccumulator& other);
  void reset();

  std::int64_t n_layers() const { return static_cast<std::int64_t>(sums_.size()); }
  std::int64_t dim() const { return dim_; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  std::int64_t n_rows() const;

  // A copy of one layer's sum; the number of rows, read at the same instant, goes to *n_rows.
  CentredSum total(std::int64_t layer, std::int64_t* n_rows) const;
  // Calls visit(sum) for the layers in turn, none of which changes meanwhile.
  template <class Visit>
  void for_each(std::int64_t* n_rows, Visit visit) const {
    const std::shared_lock lock(mutex_);
    require_whole();
    *n_rows = n_rows_;
    for (const CentredSum& sum : sums_) visit(sum);
  }

  // Of one layer, and of all of them at one instant: updates wait until it is done.
  SingularValues spectrum(std::int64_t layer, bool center, std::int64_t* n_rows) const;
  std::vector<SingularValues> spectra(bool center, std::int64_t* n_rows) const;

private:
  struct Plan {
    int workers;              // ranges of the stack's rows, layer after layer
    int team;                 // threads that share a worker's products
    bool whole_layers;        // no range ends inside a layer
    std::int64_t block_rows;  // rows a product
    bool young;               // what a layer takes in is summed aside first
  };

  std::int64_t rows_of(const std::vector<MatrixView>& zs) const;
  Plan plan(std::int64_t rows) const;
  void prepare(const Plan& plan);
  bool accumulate(const std::vector<MatrixView>& zs, const Plan& plan);
  bool add_range(const std::vector<MatrixView>& zs, int worker, std::int64_t begin,
                 std::int64_t end, const Plan& plan, Helpers* helpers);
  bool add_blocks(CentredSum& sum, const MatrixView& rows, int worker, std::int64_t block_rows,
                  Helpers* helpers);
  void add_beginnings(const std::vector<std::int64_t>& layer_of, const Plan& plan);
  int solvers() const;
  void require_whole() const;
  void require_mergeable(const LayerAccumulator& other) const;

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  std::vector<double> probes_;
  std::int64_t n_rows_ = 0;
  bool torn_ = false;
  std::vector<CentredSum> sums_;
  // A worker's own: room to work in, and a sum for the layer in the middle of which it begins.
  std::vector<RowAdder> adders_;
  std::vector<CentredSum> beginnings_;
  std::vector<CentredSum> young_;  // for the layers at hand
  mutable std::shared_mutex mutex_;
};

}  // namespace rankme
