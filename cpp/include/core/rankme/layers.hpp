// A stack of Gram matrices, one a layer of a network, that grow by the same number of rows at a
// time. Threads share out the layers, so that each layer needs one matrix and no more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "rankme/centred_sum.hpp"
#include "rankme/float_choice.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/mixed_sums.hpp"
#include "rankme/probe_sets.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/spectrum.hpp"

namespace rankme {

class LayerAccumulator {
public:
  // As GramAccumulator; the probes are the same for all layers, and each decides for itself about
  // products in float32.
  LayerAccumulator(std::int64_t n_layers, std::int64_t dim, bool normalize, std::uint64_t seed,
                   Precision precision = Precision::float64);
  // Of sums of one dim, at least one of them, each of n_rows rows.
  LayerAccumulator(std::vector<CentredSum> sums, std::int64_t n_rows, bool normalize,
                   std::uint64_t seed, Precision precision = Precision::float64);
  LayerAccumulator(const LayerAccumulator&) = delete;
  LayerAccumulator& operator=(const LayerAccumulator&) = delete;

  // Adds the rows of zs[l] to layer l. All or nothing over the whole stack: another number of
  // layers, rows that are not as many in all of them, a wrong width, NaN or infinity change
  // nothing. Safe to call from several threads.
  void update(const std::vector<MatrixView>& zs);

  // The same for several stacks that grow together, of other dims and, for each of the zs, the
  // number of its stack. All or nothing over all of them. Whoever holds them calls it from one
  // thread at a time.
  static void update_all(const std::vector<LayerAccumulator*>& stacks,
                         const std::vector<std::size_t>& stack_of,
                         const std::vector<MatrixView>& zs);

  void merge(const LayerAccumulator& other);
  void reset();

  std::int64_t n_layers() const { return static_cast<std::int64_t>(sums_.size()); }
  std::int64_t dim() const { return dim_; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  Precision precision() const { return precision_; }
  std::int64_t n_rows() const;
  // How many of the rows of each layer were multiplied in float32.
  std::vector<std::int64_t> float_rows() const;

  // A copy of one layer's sum; the number of rows, read at the same instant, goes to *n_rows.
  CentredSum total(std::int64_t layer, std::int64_t* n_rows) const;
  // The same with one set of probes, as it is saved and sent.
  CentredSum sum_to_keep(std::int64_t layer, std::int64_t* n_rows) const;
  // Calls visit(sum) for the layers in turn, none of which changes meanwhile.
  template <class Visit>
  void for_each(std::int64_t* n_rows, Visit visit) const {
    const std::shared_lock lock(mutex_);
    require_whole();
    *n_rows = n_rows_;
    for (const CentredSum& sum : sums_) visit(sum);
  }
  // The same, each with one set of probes.
  template <class Visit>
  void for_each_to_keep(std::int64_t* n_rows, Visit visit) const {
    for_each(n_rows, [&](const CentredSum& sum) {
      if (sum.probe_sets() == 1) return visit(sum);
      CentredSum one = sum;
      carry_probe_sets(one, 1, probes_.get());
      visit(one);
    });
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

  void look_at(const std::vector<MatrixView>& zs, int workers);
  std::vector<FloatChoice::State> undecided() const;
  void restore(const std::vector<FloatChoice::State>& states);
  bool any_in_float() const;
  // Throws OutOfMemory, which says how much was wanted, where a plain copy could not.
  CentredSum copy_of(std::size_t layer) const;
  void merge_carried(const LayerAccumulator& other);
  void widen_probes();
  int sets() const { return probes_.count(); }
  static std::int64_t rows_of(const std::vector<LayerAccumulator*>& stacks,
                              const std::vector<std::size_t>& stack_of,
                              const std::vector<MatrixView>& zs);
  Plan plan(std::int64_t rows) const;
  void prepare(const Plan& plan);
  struct Shares;
  bool accumulate(const std::vector<MatrixView>& zs, const Plan& plan, Shares& shares);
  bool add_range(const std::vector<MatrixView>& zs, int worker, std::int64_t begin,
                 std::int64_t end, const Plan& plan, Helpers* helpers);
  bool add_blocks(CentredSum& sum, const MatrixView& rows, int worker, std::int64_t block_rows,
                  Helpers* helpers, bool in_float);
  void add_beginnings(const std::vector<std::int64_t>& layer_of, const Plan& plan);
  int solvers() const;
  void require_whole() const;
  void require_mergeable(const LayerAccumulator& other) const;

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  Precision precision_;
  ProbeSets probes_;
  std::vector<FloatChoice> choices_;  // one a layer
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
