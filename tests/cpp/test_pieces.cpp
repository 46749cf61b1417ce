// Where narrow rows in great number are cut that several threads sum aside.
#include <utility>
#include <vector>

#include "check.hpp"
#include "pieces.hpp"

namespace {

using rankme::pieces_aside;

void pieces_cover_all_rows_within_memory() {
  for (const std::int64_t dim : {1, 40, 256, 257}) {
    for (const int workers : {1, 2, 3, 9, 32, 64}) {
      for (const std::int64_t most : {0, 1, 31, 34, 60, 4000}) {
        for (const std::int64_t rows : {0L, 63 * dim, 64 * dim, 1001 * dim, 600000L}) {
          const std::vector<std::int64_t> ends = pieces_aside(rows, dim, workers, 192, most);
          const auto count = static_cast<std::int64_t>(ends.size());
          const bool aside = dim <= 256 && rows >= 64 * dim && workers <= most;
          CHECK((count > 0) == (aside && rows > 0));
          CHECK(count == 0 || (count <= most && ends.front() > 0 && ends.back() == rows));
          for (std::size_t i = 1; i < ends.size(); ++i) CHECK(ends[i] > ends[i - 1]);
        }
      }
    }
  }
}

void pieces_shrink_where_rows_and_memory_allow() {
  using Ends = std::vector<std::int64_t>;
  CHECK(pieces_aside(41000, 256, 1, 192, 65) == Ends{41000});
  // 16 MiB of float32: two threads have enough for several pieces, five have not.
  CHECK(pieces_aside(16384, 256, 5, 192, 61) == (Ends{3276, 6553, 9830, 13107, 16384}));
  for (const auto& [rows, workers] : {std::pair{16384, 2}, {41000, 5}}) {
    const Ends ends = pieces_aside(rows, 256, workers, 192, 61);
    CHECK(ends.size() >= static_cast<std::size_t>(5 * workers));
    CHECK(ends.front() > 4 * (ends[ends.size() - 2] - ends[ends.size() - 3]));
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) CHECK(ends[i] % 192 == 0);
    // One sum too few for that.
    const auto fewer = static_cast<std::int64_t>(ends.size()) - 1;
    CHECK(pieces_aside(rows, 256, workers, 192, fewer).size() == static_cast<std::size_t>(workers));
  }
}

}  // namespace

int main() {
  pieces_cover_all_rows_within_memory();
  pieces_shrink_where_rows_and_memory_allow();
  return check::finish("pieces");
}
