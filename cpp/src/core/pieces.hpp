// How an update of many narrow rows is cut where threads sum it aside.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// Where the pieces end, each of which has a sum of its own and goes to the thread that comes free;
// none where the rows are to be checked first and added to the threads' own sums. The cut depends
// on the arguments alone. block_rows: rows a product. most_pieces: as memory allows.
std::vector<std::int64_t> pieces_aside(std::int64_t rows, std::int64_t dim, int workers,
                                       std::int64_t block_rows, std::int64_t most_pieces);

}  // namespace rankme
