// Both kinds of accumulator keep the table of shards in step with their rows.
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/qr.hpp"

namespace {

using oracle::Matrix;
using rankme::GramAccumulator;
using rankme::MatrixView;
using rankme::QrAccumulator;
using rankme::ShardRows;

constexpr std::int64_t width = 6;

struct Gram : GramAccumulator {
  Gram() : GramAccumulator(width, false, 0) {}
};
struct Qr : QrAccumulator {
  Qr() : QrAccumulator(width, false, rankme::Means::kept) {}
};

const std::string a = "a";
const std::string b = "b";

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

template <class Accumulator>
void rows_are_counted() {
  const Matrix z = oracle::random_matrix(30, width, 1);
  Accumulator accumulator;
  accumulator.update(view(z), &a);
  accumulator.update(view(z).row_range(0, 5), &b);
  accumulator.update(view(z));
  accumulator.update(view(z).row_range(0, 2), &a);
  CHECK((accumulator.shards() == ShardRows{{a, 32}, {b, 5}}));
  CHECK(accumulator.n_rows() == 67);
  accumulator.reset();
  CHECK(accumulator.shards().empty());
}

template <class Accumulator>
void a_bad_block_leaves_no_entry() {
  // 400 rows go through the sums aside, 30 through the scan before.
  for (const std::int64_t rows : {30, 400}) {
    Matrix z = oracle::random_matrix(rows, width, 2);
    z.entries[20] = std::numeric_limits<double>::quiet_NaN();
    Accumulator accumulator;
    CHECK_THROWS(accumulator.update(view(z), &a), rankme::NonFiniteError, "nan");
    CHECK(accumulator.shards().empty());
    accumulator.update(view(z).row_range(10, 30), &a);
    CHECK_THROWS(accumulator.update(view(z), &a), rankme::NonFiniteError, "nan");
    CHECK((accumulator.shards() == ShardRows{{a, 20}}));
    CHECK(accumulator.n_rows() == 20);
  }
}

template <class Accumulator>
void a_shard_in_both_is_refused() {
  const Matrix z = oracle::random_matrix(30, width, 3);
  Accumulator left, right;
  left.update(view(z), &a);
  right.update(view(z), &b);
  left.merge(right);
  CHECK((left.shards() == ShardRows{{a, 30}, {b, 30}}));
  CHECK_THROWS(left.merge(right), rankme::DuplicateShardError, "shard 'b': 30 and 30");
  CHECK_THROWS(left.merge(left), rankme::DuplicateShardError, "shard 'a'");
  CHECK(left.n_rows() == 60);
  CHECK((left.shards() == ShardRows{{a, 30}, {b, 30}}));
  CHECK((right.shards() == ShardRows{{b, 30}}));
}

template <class Accumulator>
void threads_see_one_instant() {
  const Matrix z = oracle::random_matrix(40, width, 4);
  Accumulator shared;
  std::atomic<int> left = 3;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const std::string shard = std::to_string(t % 2);
      for (int i = 0; i < 200; ++i) shared.update(view(z), &shard);
      --left;
    });
  }
  while (left > 0) {
    std::int64_t n_rows = 0;
    ShardRows shards;
    (void)shared.total(&n_rows, &shards);
    std::int64_t sum = 0;
    for (const auto& entry : shards) sum += entry.second;
    CHECK(sum == n_rows);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK((shared.shards() == ShardRows{{"0", 16000}, {"1", 8000}}));
}

template <class Accumulator>
void test() {
  rows_are_counted<Accumulator>();
  a_bad_block_leaves_no_entry<Accumulator>();
  a_shard_in_both_is_refused<Accumulator>();
  threads_see_one_instant<Accumulator>();
}

}  // namespace

int main() {
  test<Gram>();
  test<Qr>();
  return check::finish("shards");
}
