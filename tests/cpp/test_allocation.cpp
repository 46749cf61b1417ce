// Memory runs out at the first allocation of a call, at the second, and so on: the call has then
// either failed and changed no bit, or done all of its work without that memory.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/gram.hpp"
#include "rankme/layers.hpp"
#include "rankme/qr.hpp"
#include "rankme/threads.hpp"

namespace {

constexpr long plenty = -1;
std::atomic<long> allocations_left = plenty;
// Whether all allocations fail once one has.
bool for_good = false;

// The most that was asked for at once.
std::atomic<std::size_t> largest = 0;

void* allocate(std::size_t size, std::align_val_t alignment = std::align_val_t{16}) {
  for (std::size_t seen = largest; seen < size && !largest.compare_exchange_weak(seen, size);) {
  }
  if (allocations_left >= 0 && allocations_left.fetch_sub(1) == 0) {
    allocations_left = for_good ? 0 : plenty;
    throw std::bad_alloc();
  }
  const auto whole = static_cast<std::size_t>(alignment);
  void* memory = std::aligned_alloc(whole, std::max(size + whole - 1, whole) / whole * whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t line) { return allocate(size, line); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::GramAccumulator;
using rankme::LayerAccumulator;
using rankme::MatrixView;
using rankme::QrAccumulator;
using rankme::ShardRows;

constexpr auto with_means = rankme::Means::kept;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// All that an accumulator holds.
struct Content {
  std::int64_t n_rows = 0;
  ShardRows shards;
  std::vector<double> numbers;
  std::vector<std::int64_t> counts;
  bool operator==(const Content&) const = default;

  void append(const std::vector<double>& values) {
    numbers.insert(numbers.end(), values.begin(), values.end());
  }
  void append(const CentredSum& sum) {
    for (const auto& values : {sum.packed(),
                               sum.origin,
                               sum.offset.high,
                               sum.offset.low,
                               sum.probe_products,
                               sum.probe_products_low,
                               sum.mean_products,
                               {sum.mean_residual, sum.unseen, sum.cancelled, sum.float_lost}}) {
      append(values);
    }
    counts.insert(counts.end(),
                  {sum.exponent, sum.rows, sum.blocks, sum.longest_block, sum.float_rows});
  }
};

Content content(const GramAccumulator& accumulator) {
  Content all;
  all.append(accumulator.total(&all.n_rows, &all.shards));
  return all;
}

Content content(const QrAccumulator& accumulator) {
  Content all;
  const rankme::QrFactor factor = accumulator.total(&all.n_rows, &all.shards);
  all.append(factor.packed());
  all.counts.push_back(factor.blocks);
  return all;
}

Content content(const LayerAccumulator& accumulator) {
  Content all;
  accumulator.for_each(&all.n_rows, [&](const CentredSum& sum) { all.append(sum); });
  return all;
}

// The thread sanitizer looks for races, of which one failure or update has as many as the next; all
// of them would take it minutes. The other builds try each.
#if defined(__SANITIZE_THREAD__)
constexpr long failure_step = 7;
constexpr std::int64_t most_rows = 300;
#else
constexpr long failure_step = 1;
constexpr std::int64_t most_rows = 3000;
#endif

// start: fills an empty accumulator with what it holds before. act: the call that is to fail.
template <class Accumulator>
void changes_all_or_nothing(const char* name, const std::function<void(Accumulator&)>& start,
                            const std::function<void(Accumulator&)>& act, auto... arguments) {
  Accumulator good(arguments...);
  start(good);
  const Content before = content(good);
  act(good);
  const Content after = content(good);

  int failed = 0;
  for (const bool never_again : {false, true}) {
    bool enough = false;
    for (long successes = 0; !enough; successes += failure_step) {
      Accumulator accumulator(arguments...);
      start(accumulator);
      bool done = true;
      for_good = never_again;
      allocations_left = successes;
      try {
        act(accumulator);
      } catch (const std::bad_alloc&) {
        done = false;
      }
      enough = allocations_left > 0;
      allocations_left = plenty;
      if (!done) {
        ++failed;
        CHECK(content(accumulator) == before);
        act(accumulator);
      }
      CHECK(content(accumulator) == after);
    }
  }
  std::printf("%s: %d failures\n", name, failed);
  CHECK(failed > 0);
}

const std::string one = "a shard whose name needs memory of its own", two = one + ", as does this";

void gram_accumulators() {
  const Matrix small = oracle::random_matrix(300, 90, 1);
  const Matrix wide = oracle::random_matrix(3000, 90, 2);  // three workers, and checked before
  const Matrix tall = oracle::random_matrix(9000, 90, 3);  // three workers, and summed aside
  const auto start = [&](GramAccumulator& accumulator) { accumulator.update(view(small), &one); };
  for (const Matrix* z : {&wide, &tall}) {
    changes_all_or_nothing<GramAccumulator>(
        z == &wide ? "gram" : "gram, aside", start,
        [&](GramAccumulator& accumulator) { accumulator.update(view(*z), &two); }, 90, false, 0);
  }
  // The old sum takes in a young one that has grown.
  const auto fill = [&](GramAccumulator& accumulator) {
    for (std::int64_t row = 0; row < 127; ++row) {
      accumulator.update(view(small).row_range(row, row + 1), &one);
    }
  };
  changes_all_or_nothing<GramAccumulator>(
      "gram, settling", fill,
      [&](GramAccumulator& accumulator) {
        accumulator.update(view(small).row_range(127, 128), &two);
      },
      90, false, 0);
  GramAccumulator other(90, false, 0);
  other.update(view(tall), &two);
  changes_all_or_nothing<GramAccumulator>(
      "gram, merge", start, [&](GramAccumulator& accumulator) { accumulator.merge(other); }, 90,
      false, 0);
}

std::vector<float> floats(const Matrix& z) { return {z.entries.begin(), z.entries.end()}; }

void sums_in_float() {
  const std::vector<float> small = floats(oracle::random_matrix(100, 90, 1));
  const std::vector<float> wide = floats(oracle::random_matrix(3000, 90, 2));
  const auto fast = rankme::Precision::fast;
  const auto start = [&](GramAccumulator& accumulator) {
    accumulator.update(rankme::view_of(small.data(), 100, 90), &one);  // too few to decide by
  };
  changes_all_or_nothing<GramAccumulator>(
      "fast", start,
      [&](GramAccumulator& accumulator) {
        accumulator.update(rankme::view_of(wide.data(), 900, 90), &two);
      },
      90, false, 0, true, fast, 1e300);
  GramAccumulator other(90, false, 0, true, fast, 1e300);
  other.update(rankme::view_of(wide.data(), 900, 90), &two);
  CHECK(other.float_rows() == 900);
  changes_all_or_nothing<GramAccumulator>(
      "float64, merge of fast", start,
      [&](GramAccumulator& accumulator) { accumulator.merge(other); }, 90, false, 0);
  const MatrixView few = rankme::view_of(small.data(), 100, 90);
  const MatrixView many = rankme::view_of(wide.data(), 900, 90);
  changes_all_or_nothing<LayerAccumulator>(
      "fast stack", [&](LayerAccumulator& accumulator) { accumulator.update({few, few}); },
      [&](LayerAccumulator& accumulator) { accumulator.update({many, many}); }, 2, 90, false, 0,
      fast);
}

// Wide enough that sums in float32 carry more probes than others.
void stacks_in_float_meet_others() {
  constexpr std::int64_t dim = 800;
  const auto fast = rankme::Precision::fast;
  const std::vector<float> small = floats(oracle::random_matrix(10, dim, 1));
  const std::vector<float> wide = floats(oracle::random_matrix(300, dim, 2));
  const MatrixView few = rankme::view_of(small.data(), 10, dim);
  const MatrixView many = rankme::view_of(wide.data(), 300, dim);
  LayerAccumulator plain(2, dim, false, 0), stack(2, dim, false, 0, fast);
  plain.update({few, few});
  stack.update({many, many});
  CHECK(stack.float_rows()[0] == 300);
  changes_all_or_nothing<LayerAccumulator>(
      "stack, merge of fast",
      [&](LayerAccumulator& accumulator) { accumulator.update({few, few}); },
      [&](LayerAccumulator& accumulator) { accumulator.merge(stack); }, 2, dim, false, 0);
  changes_all_or_nothing<LayerAccumulator>(
      "fast stack, merge", [&](LayerAccumulator& accumulator) { accumulator.update({few, few}); },
      [&](LayerAccumulator& accumulator) { accumulator.merge(plain); }, 2, dim, false, 0, fast);
}

void qr_accumulators() {
  const Matrix small = oracle::random_matrix(50, 40, 4), z = oracle::random_matrix(300, 40, 5);
  const auto start = [&](QrAccumulator& accumulator) { accumulator.update(view(small), &one); };
  changes_all_or_nothing<QrAccumulator>(
      "qr", start, [&](QrAccumulator& accumulator) { accumulator.update(view(z), &two); }, 40,
      false, with_means);
  QrAccumulator other(40, false, with_means);
  other.update(view(z), &two);
  changes_all_or_nothing<QrAccumulator>(
      "qr, merge", start, [&](QrAccumulator& accumulator) { accumulator.merge(other); }, 40, false,
      with_means);
}

// Layers fewer than threads, so that some begin in the middle of one, and more. With rows enough
// for young sums.
void stacks(std::int64_t layers) {
  std::vector<Matrix> zs;
  std::vector<MatrixView> few, many;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    zs.push_back(oracle::random_matrix(1600, 90, static_cast<unsigned>(layer)));
  }
  for (const Matrix& z : zs) {
    few.push_back(view(z).row_range(0, 40));
    many.push_back(view(z));
  }
  const auto start = [&](LayerAccumulator& accumulator) { accumulator.update(few); };
  changes_all_or_nothing<LayerAccumulator>(
      "stack", start, [&](LayerAccumulator& accumulator) { accumulator.update(many); }, layers, 90,
      false, 0);
}

// Once an accumulator has seen batches like the next one, an update takes no memory for rows or
// matrices: what it asks for, to start threads for example, is shorter than two rows.
template <class Accumulator, class Rows>
void takes_no_room_once_warm(const char* name, Accumulator& accumulator, const Rows& rows) {
  for (int update = 0; update < 300; ++update) accumulator.update(rows);
  largest = 0;
  for (int update = 0; update < 50; ++update) accumulator.update(rows);
  std::printf("%s: %zu bytes at once in 50 updates\n", name, largest.load());
  CHECK(largest < 2 * sizeof(double) * 90);
}

void warm_accumulators() {
  constexpr std::int64_t dim = 90;
  const auto fast = rankme::Precision::fast;
  const Matrix z = oracle::random_matrix(3000, dim, 1);
  const std::vector<float> in_float = floats(z);
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{64}, most_rows}) {
    const MatrixView exact = view(z).row_range(0, rows);
    const MatrixView half = rankme::view_of(in_float.data(), rows, dim);
    GramAccumulator gram(dim, false, 0);
    takes_no_room_once_warm("gram", gram, exact);
    GramAccumulator from_float(dim, false, 0);
    takes_no_room_once_warm("gram of float32", from_float, half);
    GramAccumulator mixed(dim, false, 0, true, fast, 1e300);
    takes_no_room_once_warm("fast", mixed, half);
    QrAccumulator qr(dim, false, with_means);
    takes_no_room_once_warm("qr", qr, exact);
    LayerAccumulator stack(2, dim, false, 0);
    takes_no_room_once_warm("stack", stack, std::vector<MatrixView>{exact, exact});
    LayerAccumulator fast_stack(2, dim, false, 0, fast);
    takes_no_room_once_warm("fast stack", fast_stack, std::vector<MatrixView>{half, half});
  }
}

// Two of other widths that grow together.
struct UnequalStacks {
  LayerAccumulator narrow{1, 60, false, 0}, wide{1, 90, false, 0};
};

Content content(const UnequalStacks& both) {
  Content all = content(both.narrow);
  const Content wide = content(both.wide);
  all.n_rows += wide.n_rows;
  all.append(wide.numbers);
  all.counts.insert(all.counts.end(), wide.counts.begin(), wide.counts.end());
  return all;
}

void unequal_stacks() {
  const Matrix narrow = oracle::random_matrix(1600, 60, 1);
  const Matrix wide = oracle::random_matrix(1600, 90, 2);
  const auto update = [&](UnequalStacks& both, std::int64_t rows) {
    LayerAccumulator::update_all({&both.wide, &both.narrow}, {0, 1},
                                 {view(wide).row_range(0, rows), view(narrow).row_range(0, rows)});
  };
  changes_all_or_nothing<UnequalStacks>(
      "unequal stacks", [&](UnequalStacks& both) { update(both, 40); },
      [&](UnequalStacks& both) { update(both, 1600); });
}

}  // namespace

int main() {
  rankme::set_num_threads(3);
  warm_accumulators();
  gram_accumulators();
  sums_in_float();
  stacks_in_float_meet_others();
  qr_accumulators();
  for (const std::int64_t layers : {2, 4}) stacks(layers);
  unequal_stacks();
  return check::finish("allocation");
}
