// How rows enter a sum: a cache-sized block at a time, converted, prepared, and added with its
// probe products.
#pragma once

#include <cstdint>
#include <memory>

#include "rankme/block.hpp"
#include "rankme/centred_sum.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/memory.hpp"
#include "rankme/packed_rows.hpp"

namespace rankme {

class FloatRows;

// What is done to rows on their way into Z^T Z. Subtracting each row's own first entry from all
// columns changes nothing that is centred later along that axis, and keeps a mean that is much
// longer than the spread around it from drowning the latter.
struct Preparation {
  const UnitScale* column_scales = nullptr;  // dim factors for the columns, or none
  bool subtract_first_column = false;
};

class Helpers;

// Rows a product that suit the second-level cache, or the threads that share a block.
std::int64_t rows_a_block(std::int64_t dim, bool shared);

// Threads in equal teams, so that no more than `affordable` things are needed, one a team.
struct Crew {
  int workers;  // that have one each
  int team;     // threads a worker, with itself
};
Crew crew_of(double threads, double affordable);

// How rows are shared out for sums of one dim.
struct SumPlan {
  int workers;               // ranges of rows, each with a sum of its own
  int team;                  // threads that share a worker's products
  std::int64_t block_rows;   // rows a product
  std::int64_t most_asides;  // further sums that memory allows

  int threads() const { return workers * team; }
};
// matrices: sums that may be taken beside those that there is room to spare for. Of three in all,
// the old sum is one, and in a stream the copy that a score is taken from another.
SumPlan plan_sums(std::int64_t dim, std::int64_t rows, std::int64_t matrices);

// One thread's room to work in; it serves any number of sums of one dim, in turn.
class RowAdder {
public:
  RowAdder();
  RowAdder(RowAdder&&) noexcept;
  RowAdder& operator=(RowAdder&&) noexcept;
  ~RowAdder();

  // Makes room for blocks of so many rows, and for so many sets of probes. in_float: for products
  // in float32 as well, which so many threads share. Throws OutOfMemory, and then nothing has
  // changed.
  void reserve(std::int64_t block_rows, std::int64_t dim, int sets = 1, bool in_float = false,
               int float_threads = 1);

  // Adds rows that `reserve` made room for. probes: (dim, 8), or none. helpers, or none, share the
  // products. False where an entry is not finite; the sum is then as it was. Neither asks for
  // memory.
  [[nodiscard]] bool add(GramSum& sum, const MatrixView& rows, const double* probes,
                         const Preparation& preparation, Helpers* helpers = nullptr);
  // The same; the first row of an empty sum becomes its origin. probes: all sets of the sum.
  // Without in_float the sum is complete at once. With it, which `reserve` made room for, the rows
  // may wait to be multiplied in float32, until finish(): no other sum may come before. Rows of
  // float64, and those that float32 has no room for, are multiplied in float64 all the same.
  [[nodiscard]] bool add(CentredSum& sum, const MatrixView& rows, bool normalize,
                         const double* probes, Helpers* helpers = nullptr, bool in_float = false);
  // One addition to the matrix for each of so many rows, and for what is left of a block.
  static constexpr std::int64_t float_chunk = 128;
  void finish(CentredSum& sum);
  // Forgets the rows that wait, where the sum is thrown away.
  void drop();

private:
  BlockFacts load(const Block& block, const MatrixView& rows, bool normalize, int exponent);
  BlockFacts load_rows(const Block& block, const MatrixView& rows, bool normalize, int exponent);
  BlockFacts load_columns(const Block& block, const MatrixView& rows, bool normalize, int exponent);
  bool wait_in_float(CentredSum& sum, const Block& block, double largest);
  void add_probe_products_to(CentredSum& sum, const Block& block, const double* probes);

  AlignedDoubles block_;
  PackedRows packed_;
  AlignedDoubles block_sums_;
  AlignedDoubles probe_scratch_;
  AlignedDoubles products_;  // of one block
  // Of a centred block: its first row, the mean of the rows less that row, and what the scatter
  // needs for the move of the mean.
  AlignedDoubles first_, mean_, moved_;
  Offset from_origin_;
  TwoParts squares_;
  std::unique_ptr<FloatRows> waiting_;
  int float_threads_ = 1;
};

}  // namespace rankme
