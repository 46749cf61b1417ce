// Narrow rows in great number, summed aside by several threads: where they are cut, and that the
// bits tell nothing of who summed what.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "pieces.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/threads.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::GramAccumulator;
using rankme::MatrixView;
using rankme::pieces_aside;
using sums::same_bits;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

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

const std::thread::id main_thread = std::this_thread::get_id();
std::atomic<int> started = 0;

// Some threads come late, others each time, so that pieces end in another order.
void start_late() {
  if (std::this_thread::get_id() == main_thread) return;
  std::this_thread::sleep_for(std::chrono::microseconds(started++ % 7 * 300));
}

CentredSum sum_of(const Matrix& z, bool normalize) {
  GramAccumulator accumulator(z.cols, normalize, 0);
  accumulator.update(view(z));
  std::int64_t n_rows = 0;
  CentredSum sum = accumulator.total(&n_rows);
  CHECK(n_rows == z.rows);
  return sum;
}

void check_products(const CentredSum& sum, const Matrix& z) {
  const std::vector<double> got = sums::dense(sum);
  std::vector<long double> wanted(static_cast<std::size_t>(z.cols * z.cols));
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(i * z.cols + j);
  };
  for (std::int64_t row = 0; row < z.rows; ++row) {
    for (std::int64_t i = 0; i < z.cols; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        wanted[at(i, j)] += static_cast<long double>(z(row, i)) * z(row, j);
      }
    }
  }
  long double worst = 0;
  for (std::int64_t i = 0; i < z.cols; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const long double allowed = std::sqrt(wanted[at(i, i)] * wanted[at(j, j)]);
      worst = std::max(worst, std::abs(got[at(i, j)] - wanted[at(i, j)]) / allowed);
    }
  }
  CHECK(worst <= 1e-14L);
}

// Five threads, all of them at work. pieces: how many at least.
void sums_repeat_to_the_last_bit(std::int64_t rows, std::int64_t cols, std::int64_t pieces) {
  const Matrix z = oracle::random_matrix(rows, cols, 21);
  rankme::set_num_threads(1);
  const std::int64_t blocks = sum_of(z, false).blocks;
  rankme::set_num_threads(5);
  for (const bool normalize : {false, true}) {
    const CentredSum first = sum_of(z, normalize);
    if (!normalize) check_products(first, z);
    // Each sum that is added to another counts as one block more.
    CHECK(first.blocks >= blocks + pieces - 1);
    const int before = started;
    for (int turn = 0; turn < 20; ++turn) CHECK(same_bits(sum_of(z, normalize), first));
    CHECK(started == before + 20 * 4);
  }
}

void a_bad_row_changes_nothing() {
  Matrix z = oracle::random_matrix(16000, 40, 22);
  GramAccumulator accumulator(40, false, 0);
  accumulator.update(view(z));
  std::int64_t n_rows = 0;
  const CentredSum before = accumulator.total(&n_rows);
  for (std::int64_t row = 7; row < z.rows; row += 1777) {
    const double good = z(row, 3);
    z(row, 3) = std::nan("");
    CHECK_THROWS(accumulator.update(view(z)), rankme::NonFiniteError,
                 "Z[" + std::to_string(row) + ", 3] is nan");
    z(row, 3) = good;
    CHECK(same_bits(accumulator.total(&n_rows), before));
    CHECK(n_rows == z.rows);
  }
}

}  // namespace

int main() {
  rankme::set_num_threads(5);
  rankme::at_thread_start(start_late);
  pieces_cover_all_rows_within_memory();
  pieces_shrink_where_rows_and_memory_allow();
  sums_repeat_to_the_last_bit(16000, 40, 12);  // shrinking pieces
  sums_repeat_to_the_last_bit(8000, 64, 5);    // one a thread
  a_bad_row_changes_nothing();
  return check::finish("pieces");
}
