// One accumulator, several threads, every call at once: for the thread sanitizer, and for the sums.
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/gram.hpp"
#include "rankme/layers.hpp"
#include "rankme/qr.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"

namespace {

using oracle::Matrix;
using rankme::GramAccumulator;
using rankme::LayerAccumulator;
using rankme::MatrixView;
using rankme::QrAccumulator;

constexpr int rounds = 8;
constexpr std::int64_t rows = 300;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// All start together.
void at_once(const std::vector<std::function<void()>>& bodies) {
  std::atomic<std::size_t> waiting = bodies.size();
  std::vector<std::thread> threads;
  for (const auto& body : bodies) {
    threads.emplace_back([&] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (int round = 0; round < rounds; ++round) body();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The squares of the first column.
double corner_of(const rankme::CentredSum& sum) {
  const double mean = sum.mean(0);
  return sum.scatter[0] + static_cast<double>(sum.rows) * mean * mean;
}

// Whole updates only: the sum belongs to some number of them.
void read(const GramAccumulator& accumulator, const GramAccumulator& once) {
  std::int64_t n_rows = 0, one = 0;
  const double corner = corner_of(accumulator.total(&n_rows));
  const double times = static_cast<double>(n_rows / rows);
  CHECK(n_rows % rows == 0);
  CHECK(std::abs(corner - times * corner_of(once.total(&one))) <= 1e-10 * (1 + corner));
  if (n_rows > 0) rankme::singular_values(accumulator, true, &n_rows);
}

// Two threads of a budget of two update, others merge and read.
void gram_accumulators(std::int64_t cols) {
  const Matrix z = oracle::random_matrix(rows, cols, 1);
  GramAccumulator once(cols, false, 0), shared(cols, false, 0), apart(cols, false, 0);
  once.update(view(z));
  at_once({[&] { shared.update(view(z)); }, [&] { shared.update(view(z)); },
           [&] { apart.update(view(z)); }, [&] { shared.merge(once); }, [&] { read(shared, once); },
           [&] { read(apart, once); }});
  CHECK(shared.n_rows() == 3 * rounds * rows && apart.n_rows() == rounds * rows);
  read(shared, once);
}

// Each into the other, with updates of both on the way.
void merges_cross() {
  const Matrix z = oracle::random_matrix(rows, 40, 2);
  GramAccumulator once(40, false, 0), left(40, false, 0), right(40, false, 0);
  once.update(view(z));
  at_once({[&] { left.merge(right); }, [&] { right.merge(left); }, [&] { left.update(view(z)); },
           [&] { right.update(view(z)); }, [&] { read(left, once); }});
  read(left, once);
  read(right, once);
  CHECK(left.n_rows() >= rounds * rows && right.n_rows() >= rounds * rows);
}

void qr_accumulators() {
  const Matrix z = oracle::random_matrix(rows, 30, 3);
  QrAccumulator once(30, false, rankme::Means::kept);
  QrAccumulator shared(30, false, rankme::Means::kept);
  once.update(view(z));
  shared.update(view(z));
  at_once({[&] { shared.update(view(z)); }, [&] { shared.update(view(z)); },
           [&] { shared.merge(once); },
           [&] {
             std::int64_t n_rows = 0;
             rankme::singular_values(shared, true, &n_rows);
             CHECK(n_rows % rows == 0);
           }});
  CHECK(shared.n_rows() == (3 * rounds + 1) * rows);
}

void read_stack(const LayerAccumulator& stack, const LayerAccumulator& once) {
  std::int64_t n_rows = 0, one = 0;
  std::vector<double> corners;
  stack.for_each(&n_rows,
                 [&](const rankme::CentredSum& sum) { corners.push_back(corner_of(sum)); });
  CHECK(n_rows % rows == 0);
  for (std::size_t layer = 0; layer < corners.size(); ++layer) {
    const double wanted = static_cast<double>(n_rows / rows) *
                          corner_of(once.total(static_cast<std::int64_t>(layer), &one));
    CHECK(std::abs(corners[layer] - wanted) <= 1e-10 * (1 + wanted));
  }
  if (n_rows > 0) stack.spectra(false, &n_rows);
}

// Layers as many as threads, more, and fewer.
void stacks(std::int64_t layers) {
  constexpr std::int64_t width = 170;  // two threads share even a single layer
  std::vector<Matrix> zs;
  std::vector<MatrixView> views;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    zs.push_back(oracle::random_matrix(rows, width, static_cast<unsigned>(layer)));
  }
  for (const Matrix& z : zs) views.push_back(view(z));
  LayerAccumulator once(layers, width, true, 0), left(layers, width, true, 0),
      right(layers, width, true, 0);
  once.update(views);
  at_once({[&] { left.update(views); }, [&] { right.update(views); }, [&] { left.merge(right); },
           [&] { right.merge(left); }, [&] { left.merge(once); }, [&] { read_stack(left, once); },
           [&] { read_stack(right, once); }});
  read_stack(left, once);
  read_stack(right, once);
  CHECK(left.n_rows() >= 2 * rounds * rows);
}

}  // namespace

int main() {
  rankme::set_num_threads(2);
  gram_accumulators(40);
  gram_accumulators(180);  // enough work for two threads inside each update
  merges_cross();
  qr_accumulators();
  for (const std::int64_t layers : {1, 2, 5}) stacks(layers);
  return check::finish("concurrent");
}
