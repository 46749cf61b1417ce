// Scatter matrices of rows that come in groups, one a group, each a packed triangle. Their total is
// what a GramAccumulator would hold, so that no row is multiplied twice; and the sums without one
// group tell how far the total depends on which rows came.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <string>
#include <vector>

#include "rankme/centred_sum.hpp"
#include "rankme/ledger.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/values.hpp"

namespace rankme {

struct LidarSums;

// Of one instant.
struct GroupSpectra {
  std::vector<std::int64_t> rows;      // of every group, filled or not
  SingularValues whole;                // of all rows, with leave_out_spectra
  std::vector<SingularValues> filled;  // one for every group with rows, in their order
};

// Of a whole matrix with fewer rows than columns, row i of group groups[i]: by Z Z^T, of which each
// of the others is a part. Throws NonFiniteError, and where fewer than two groups have rows.
GroupSpectra leave_out_spectra(const MatrixView& z, const std::int64_t* groups,
                               std::int64_t n_groups, bool center, bool normalize);

class GroupSums {
public:
  // As GramAccumulator.
  GroupSums(std::int64_t dim, std::int64_t n_groups, bool normalize, std::uint64_t seed);
  // Of packed sums of one dim, at least one of them.
  GroupSums(std::vector<CentredSum> sums, bool normalize, std::uint64_t seed,
            ShardRows shards = {});
  GroupSums(const GroupSums&) = delete;
  GroupSums& operator=(const GroupSums&) = delete;

  // Adds row i of z to group groups[i]; z.rows of them. All or nothing: a wrong width, NaN or
  // infinity, or a group that is not there change nothing. Safe to call from several threads.
  void update(const MatrixView& z, const std::int64_t* groups, const std::string* shard = nullptr);

  // Adds the rows of zs[i], of which there are as many in each, to sums[i], with the same groups.
  // All or nothing over all of them, which must not be updated by anybody else meanwhile.
  static void update_all(const std::vector<GroupSums*>& sums, const std::vector<MatrixView>& zs,
                         const std::int64_t* groups);

  // Group by group. A shard that both hold is a DuplicateShardError, and nothing has changed.
  void merge(const GroupSums& other);
  // Each into the one of the same place, as update_all.
  static void merge_all(const std::vector<GroupSums*>& sums, const std::vector<GroupSums*>& others);
  void reset();

  std::int64_t dim() const { return dim_; }
  std::int64_t n_groups() const { return static_cast<std::int64_t>(groups_.size()); }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  const std::vector<double>& probes() const { return probes_; }
  std::int64_t n_rows() const;
  std::vector<std::int64_t> group_rows() const;
  ShardRows shards() const;

  // The sum of all rows, as a square; their number and where they came from go to *n_rows and
  // *shards.
  CentredSum total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  // That of one group, as a square.
  CentredSum group(std::int64_t group) const;
  // Packed sums of all groups at one instant, as the constructor takes them.
  std::vector<CentredSum> sums(ShardRows* shards) const;

  // The singular values of all rows, bit for bit those of total(), and of the rows without each
  // group. Updates wait until it is done. A thread an eigenproblem, each with a square of its own
  // and a triangle or two. Leaving out adds up the other groups, and never subtracts: what is left
  // may be much smaller than what goes. Throws where fewer than two groups have rows.
  GroupSpectra leave_out_spectra(bool center) const;
  // Those of the rows of each group.
  GroupSpectra group_spectra(bool center) const;
  // What varies within the groups that have rows, and between them; in lidar.cpp.
  LidarSums lidar_sums(bool weighted) const;

private:
  // Rows that wait until there are enough of them for a product, as they came.
  struct Waiting {
    std::vector<double> rows;  // room for `most` of them
    std::int64_t count = 0;
  };
  struct Group {
    CentredSum sum;  // packed
    Waiting waiting;
    std::int64_t rows() const { return sum.rows + waiting.count; }
  };
  // One thread's room to work in.
  struct Worker {
    explicit Worker(std::int64_t dim) : young(dim) {}
    RowAdder adder;
    CentredSum young;  // a square
    Waiting gathered;
    Helpers* helpers = nullptr;  // of the call under way
  };
  struct Rows;  // of one group in one update
  class Solver;

  std::vector<Rows> rows_by_group(const std::int64_t* groups, std::int64_t count) const;
  void prepare(const SumPlan& plan, const std::vector<Rows>& by_group) const;
  bool accumulate(const MatrixView& z, const std::vector<Rows>& by_group, const SumPlan& plan);
  bool add_together(const MatrixView& z, const Rows& rows, const SumPlan& plan);
  bool take_in(const MatrixView& z, const Rows& rows, std::int64_t begin, std::int64_t end,
               std::int64_t block_rows, Waiting& waiting, Worker& worker) const;
  bool add_waiting(Waiting& waiting, Worker& worker) const;
  void fold(Group& group, CentredSum& young, int workers) const;
  void settle() const;
  CentredSum total_of_all(int workers) const;
  GroupSpectra solve(bool center, bool leave_out) const;
  void forget();
  void require_whole() const;
  void require_like(const GroupSums& other) const;
  void prepare_merge(const GroupSums& other);

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  std::int64_t most_;  // rows of a group that wait
  std::vector<double> probes_;
  Ledger ledger_;
  bool torn_ = false;
  // Who looks multiplies the rows that wait first, with the lock.
  mutable std::vector<Group> groups_;
  mutable std::vector<Worker> workers_;
  mutable std::shared_mutex mutex_;
};

}  // namespace rankme
