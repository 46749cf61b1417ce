// Threads that help with the pieces of a call, many calls one after the other.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "check.hpp"
#include "helpers.hpp"
#include "oracle.hpp"
#include "products.hpp"
#include "rankme/threads.hpp"

namespace {

using oracle::Matrix;
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

void symmetric_products_are_whole() {
  for (const std::int64_t dim : {1, 60, 256, 700}) {
    Matrix lower(dim, dim);
    for (std::size_t i = 0; i < lower.entries.size(); ++i) {
      lower.entries[i] = static_cast<double>((i * 7919) % 23) - 11;
    }
    for (const std::int64_t count : {1, 3, 8}) {
      Matrix x(dim, count);
      for (std::size_t i = 0; i < x.entries.size(); ++i) {
        x.entries[i] = static_cast<double>((i * 104729) % 17) - 8;
      }
      Matrix wanted(dim, count);
      for (std::int64_t i = 0; i < dim; ++i) {
        for (std::int64_t k = 0; k < dim; ++k) {
          const double entry = lower(std::max(i, k), std::min(i, k));
          for (std::int64_t j = 0; j < count; ++j) wanted(i, j) += entry * x(k, j);
        }
      }
      for (const int threads : {1, 2, 5}) {
        rankme::set_num_threads(threads);
        CHECK(rankme::multiply_symmetric(lower.entries.data(), dim, x.entries, count) ==
              wanted.entries);
      }
    }
  }
}

}  // namespace

int main() {
  every_piece_is_done_once();
  helpers_share_the_pieces();
  symmetric_products_are_whole();
  return check::finish("helpers");
}
