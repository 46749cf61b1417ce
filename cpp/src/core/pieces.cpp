#include "pieces.hpp"

#include <algorithm>

namespace rankme {

namespace {

// Large at first, since a piece costs a sum; small in the end, since nobody is to wait for the last
// one for long. About six for each thread.
std::vector<std::int64_t> shrinking_pieces(std::int64_t rows, int workers,
                                           std::int64_t block_rows) {
  const std::int64_t least = std::max(block_rows, rows / (16 * workers));
  std::vector<std::int64_t> ends;
  for (std::int64_t end = 0; end < rows;) {
    const std::int64_t wanted = std::max(least, (rows - end) / (2 * workers));
    end = std::min(rows, end + (wanted + block_rows - 1) / block_rows * block_rows);
    ends.push_back(end);
  }
  return ends;
}

}  // namespace

std::vector<std::int64_t> pieces_aside(std::int64_t rows, std::int64_t dim, int workers,
                                       std::int64_t block_rows, std::int64_t most_pieces) {
  // Where rows are narrow a second reading of them would cost a tenth of the time, and where there
  // are many a second sum costs next to nothing.
  if (dim > 256 || rows < 64 * dim || workers > most_pieces) return {};
  // With enough rows for each thread the same is true of several sums.
  if (workers > 1 && rows >= 32 * dim * workers) {
    std::vector<std::int64_t> ends = shrinking_pieces(rows, workers, block_rows);
    if (static_cast<std::int64_t>(ends.size()) <= most_pieces) return ends;
  }
  std::vector<std::int64_t> ends;
  for (int worker = 1; worker <= workers; ++worker) ends.push_back(rows * worker / workers);
  return ends;
}

}  // namespace rankme
