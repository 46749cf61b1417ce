#include "second_gram.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "blas.hpp"
#include "helpers.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/packed_rows.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

// What one thread reads lines into.
class LineReader {
public:
  LineReader(const TailLines& source, std::int64_t most_lines)
      : source_(source), entries_(zeros(most_lines, source.lines.cols, "a row block")) {}

  Block read(std::int64_t begin, std::int64_t end) {
    const MatrixView lines = source_.lines.row_range(begin, end);
    const Block block{entries_.data(), lines.rows, lines.cols, natural_layout(lines)};
    // They were finite when they entered the first matrix.
    if (!widen(lines, block.layout, block.data).finite) throw TornError();
    if (source_.normalize) normalize_rows(block);
    if (source_.column_scales != nullptr) scale_columns(block, source_.column_scales);
    if (source_.exponent != 0) scale_all(block, std::ldexp(1.0, -source_.exponent));
    if (source_.origin != nullptr) {
      subtract_row(block, source_.origin);
      add_squares(block);
      subtract_row(block, source_.offset);
    }
    if (source_.less_first_and_mean) {
      subtract_first_column(block);
      add_squares(block);
      subtract_means(block);
    }
    return block;
  }
  // ||A||_F^2 before the last subtraction, if there was one.
  double squares() const { return squares_; }

private:
  void add_squares(const Block& block) {
    for (std::int64_t i = 0; i < block.rows * block.cols; ++i) {
      squares_ += block.data[i] * block.data[i];
    }
  }
  void subtract_means(const Block& block) {
    const bool by_lines = block.layout == Layout::row_major;
    const std::int64_t across = by_lines ? 1 : block.rows;
    const std::int64_t along = by_lines ? block.cols : 1;
    for (std::int64_t i = 0; i < block.rows; ++i) {
      double* line = block.data + i * along;
      double mean = 0;
      for (std::int64_t j = 0; j < block.cols; ++j) mean += line[j * across];
      mean /= static_cast<double>(block.cols);
      for (std::int64_t j = 0; j < block.cols; ++j) line[j * across] -= mean;
    }
  }

  const TailLines& source_;
  std::vector<double> entries_;
  double squares_ = 0;
};

// Rows `begin` to `end` of to (rows, count) = from (rows, length) V, both column-major unless
// `from` is by lines.
void multiply(const double* from, std::int64_t rows, std::int64_t begin, std::int64_t end,
              bool by_lines, const Basis& basis, double* to) {
  const int step = static_cast<int>(rows);
  const int m = static_cast<int>(end - begin);
  const int k = static_cast<int>(basis.length);
  const int n = static_cast<int>(basis.count);
  const double one = 1;
  const double nothing = 0;
  const BlasCall call;
  RANKME_BLAS(dgemm_)(by_lines ? "T" : "N", "N", &m, &n, &k, &one,
                      from + begin * (by_lines ? basis.length : 1), by_lines ? &k : &step,
                      basis.entries.data(), &k, &nothing, to + begin, &step);
}

void multiply(const double* from, std::int64_t rows, bool by_lines, const Basis& basis, double* to,
              Helpers* helpers) {
  if (helpers == nullptr) return multiply(from, rows, 0, rows, by_lines, basis, to);
  const std::int64_t pieces = std::min<std::int64_t>(helpers->threads(), rows);
  helpers->run(pieces, [&](std::int64_t piece) {
    multiply(from, rows, rows * piece / pieces, rows * (piece + 1) / pieces, by_lines, basis, to);
  });
}

}  // namespace

SecondGram second_gram(const TailLines& source, const std::vector<Basis>& bases,
                       std::vector<double> room) {
  const MatrixView& lines = source.lines;
  const std::int64_t count = bases.back().count;
  const SumPlan plan = plan_sums(lines.cols, lines.rows, 1);
  const auto workers = static_cast<std::size_t>(plan.workers);
  std::fill(room.begin(), room.end(), 0.0);
  std::vector<std::vector<double>> sums(workers);
  sums.front() = std::move(room);
  for (std::size_t i = 1; i < workers; ++i) {
    sums[i] = zeros(count, count, "the tail's Gram matrix");
  }
  std::vector<LineReader> readers;
  for (std::size_t i = 0; i < workers; ++i) readers.emplace_back(source, plan.block_rows);
  Teams teams(plan.workers, plan.team);
  parallel_ranges(lines.rows, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    const auto own = static_cast<std::size_t>(worker);
    PackedRows packed;
    packed.reserve(plan.block_rows, count);
    // Two of them, in turn.
    std::vector<double> products[2];
    for (std::vector<double>& product : products) {
      product.resize(static_cast<std::size_t>(plan.block_rows * bases.front().count));
    }
    for (std::int64_t row = begin; row < end; row += plan.block_rows) {
      const Block block = readers[own].read(row, std::min(end, row + plan.block_rows));
      double* from = block.data;
      bool by_lines = block.layout == Layout::row_major;
      for (std::size_t i = 0; i < bases.size(); ++i) {
        double* to = products[i % 2].data();
        multiply(from, block.rows, by_lines, bases[i], to, teams.of(worker));
        from = to;
        by_lines = false;
      }
      packed.add_gram_of({from, block.rows, count, Layout::column_major}, sums[own],
                         teams.of(worker));
    }
  });
  SecondGram second{std::move(sums.front()), 0, readers.front().squares()};
  for (std::size_t i = 1; i < workers; ++i) {
    second.squares += readers[i].squares();
    for (std::size_t j = 0; j < second.matrix.size(); ++j) second.matrix[j] += sums[i][j];
  }
  const std::int64_t blocks = (lines.rows + plan.block_rows - 1) / plan.block_rows;
  second.depth = addition_depth(blocks + plan.workers, plan.block_rows);
  return second;
}

}  // namespace rankme
