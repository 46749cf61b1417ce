// How the product B^T B of a block is computed, and how rows are cut into blocks. Host logic only.
#pragma once

#include <cstdint>

namespace rankme::cuda {

// One of two ways to add B^T B to a lower triangle:
//
// dsyrk  cublasDsyrk.
// tiles  one batch of equal square gemms: one for each tile of the triangle and each of `splits`
//        ranges of rows. A triangle of few tiles alone leaves multiprocessors idle in its last
//        round; several times as many tiles as there are multiprocessors do not.
enum class Syrk { dsyrk, tiles };

struct SyrkPlan {
  Syrk way = Syrk::dsyrk;
  std::int64_t tile = 0;    // columns
  std::int64_t splits = 1;  // sums of their own, added up at the end

  std::int64_t tiles_across(std::int64_t dim) const { return (dim + tile - 1) / tile; }
  std::int64_t tiles(std::int64_t dim) const {
    const std::int64_t across = tiles_across(dim);
    return across * (across + 1) / 2;
  }
};

// The plan for a matrix of order dim on a device with so many multiprocessors. It depends on its
// arguments alone, so that results repeat to the last bit.
SyrkPlan choose_syrk(std::int64_t dim, int multiprocessors);
SyrkPlan plan_of(Syrk way, std::int64_t dim, int multiprocessors);
// The same with no more splits than so many rows are worth.
SyrkPlan fit_rows(SyrkPlan plan, std::int64_t n_rows);

struct BlockLimits {
  std::int64_t block_bytes;   // of float64
  std::int64_t source_bytes;  // of the rows as they come
  std::int64_t item_bytes;    // of one of their entries
};

struct BlockPlan {
  std::int64_t rows;     // of a block, a multiple of the splits
  std::int64_t blocks;   // how many
  std::int64_t stride;   // doubles from row to row of a block: its columns, and zeros that fill up
  std::int64_t portion;  // rows that are converted and probed together, so few that they stay in
                         // the second-level cache
};
BlockPlan plan_blocks(std::int64_t n_rows, std::int64_t dim, const SyrkPlan& plan,
                      const BlockLimits& limits);

}  // namespace rankme::cuda
