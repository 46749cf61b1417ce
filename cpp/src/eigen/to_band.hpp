// The first stage: a dense symmetric matrix becomes one of bandwidth 32 with the same eigenvalues.
// Private to cpp/src/eigen.
//
// Panel by panel, tile column p below its diagonal tile is Q R with Q = I - V T V^T (Householder),
// and the matrix A behind it becomes
//
//   Q^T A Q = A - V W^T - W V^T,   W = Y T - 1/2 V (T^T V^T Y T),   Y = A V
//
// (Dongarra, Hammarling and Sorensen 1989). A tile is read once a panel: it takes in the last
// panel's V and W, and gives its share of Y for the next while it is still in the cache. The first
// unit vector stays where it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "room.hpp"
#include "team.hpp"
#include "tiles.hpp"

namespace rankme {

class ToBand {
public:
  // For the lower triangle of a row-major matrix, to be multiplied by `scale`. Everything that it
  // needs is taken here: a half of the matrix and some rows of tiles. Throws OutOfMemory.
  ToBand(const double* matrix, std::int64_t order, double scale, const Kernels& kernels);

  // H A H for H = I - v v^T / |v[0]|, which is to be a reflection: |v|^2 = 2 |v[0]|.
  void reflect_first(std::vector<double> v);

  // One member's part of the work, with all of it from a run_team; the band is filled.
  void work(int member, Barrier& barrier, const Band& band);

private:
  // What a member may take from: the next number each time, below `end`.
  class Turns {
  public:
    bool take(std::int64_t end, std::int64_t& turn) {
      turn = next_.fetch_add(1, std::memory_order_relaxed);
      return turn < end;
    }

  private:
    std::atomic<std::int64_t> next_ = 0;
  };

  // Work is cut by the number of tiles and never by that of the threads, so that sums do not depend
  // on these. Rows first(s) <= i < first(s + 1) of the tiles behind panel p are slice s: about the
  // same number of tiles each.
  struct Slices {
    std::int64_t begin;
    std::int64_t count;  // tile rows
    std::int64_t slices;
    std::int64_t first(std::int64_t slice) const;
  };
  Slices slices_of(std::int64_t panel) const;

  void load_tiles(std::int64_t column);
  void multiply_vector(std::int64_t row);
  void finish_vector();
  void reflect_tiles(std::int64_t column);

  // The parts of a panel, in their order.
  void factor(std::int64_t panel, const Band& band);
  void update_row(std::int64_t panel, std::int64_t row);
  void update_and_multiply(std::int64_t panel, std::int64_t slice);
  void gather(std::int64_t panel, std::int64_t slice);
  void small_products(std::int64_t panel, double* z) const;
  void fill_w(std::int64_t row, const double* z, double* to);
  void finish_row(std::int64_t panel, std::int64_t row, const double* z, const double* head);

  void prepare(int member, Barrier& barrier);
  void factor_or_update(int member, std::int64_t panel, const Band& band);

  // Row i of [W V], row-major, and [V W], column-major, of the tiles in row i.
  double* rows(std::int64_t panel, std::int64_t i) { return block(2 * (panel % 2), i); }
  double* columns(std::int64_t panel, std::int64_t i) { return block(2 * (panel % 2) + 1, i); }
  double* block(std::int64_t which, std::int64_t i) {
    return blocks_.data() + (which * tiles_.count + i) * 2 * tile_size;
  }
  double* product(std::int64_t i) { return products_.data() + i * tile_size; }
  double* across(std::int64_t slice, std::int64_t i) {
    return across_.data() + (slice * tiles_.count + i) * tile_size;
  }

  const double* matrix_;
  std::int64_t order_;
  double scale_;
  const Kernels& kernels_;
  std::int64_t count_;
  Room storage_;
  Tiles tiles_;
  Room blocks_;
  Room products_;  // Y, a tile a row; column-major until it is gathered, then row-major
  Room across_;    // what each slice adds to the rows of Y that are not its own
  Room small_;     // V^T Y of each slice
  Room triangle_;  // T, row-major
  std::vector<double> vector_;
  std::vector<double> image_;
  std::vector<Turns> turns_;
  std::vector<std::int64_t> updated_;  // by row: the panel of which it has taken in V and W
  std::atomic<std::int64_t> factored_ = -1;
  std::atomic<std::int64_t> ahead_ =
      0;  // the row after the next one to be updated ahead of its turn
};

}  // namespace rankme
