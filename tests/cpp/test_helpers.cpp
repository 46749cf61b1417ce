// Threads that help with the pieces of a call, many calls one after the other.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "check.hpp"
#include "helpers.hpp"

namespace {

using rankme::Helpers;

void every_piece_is_done_once() {
  for (const int threads : {1, 2, 5}) {
    Helpers helpers(threads);
    CHECK(helpers.threads() == threads);
    std::vector<int> seen(40);
    for (int round = 0; round < 2000; ++round) {
      const std::int64_t pieces = round % 41;
      helpers.run(pieces, [&](std::int64_t piece) { ++seen[static_cast<std::size_t>(piece)]; });
    }
    for (std::size_t piece = 0; piece < seen.size(); ++piece) {
      // Each round of 41 has one call for every number of pieces above this one's.
      int wanted = 0;
      for (int round = 0; round < 2000; ++round) {
        wanted += round % 41 > static_cast<int>(piece) ? 1 : 0;
      }
      CHECK(seen[piece] == wanted);
    }
  }
}

// Who has fallen asleep between two calls comes back for the next.
void helpers_share_the_pieces() {
  Helpers helpers(3);
  std::atomic<int> by_others = 0;
  const std::thread::id own = std::this_thread::get_id();
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    helpers.run(30, [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (std::this_thread::get_id() != own) ++by_others;
    });
  }
  CHECK(by_others >= 15);
}

}  // namespace

int main() {
  every_piece_is_done_once();
  helpers_share_the_pieces();
  return check::finish("helpers");
}
