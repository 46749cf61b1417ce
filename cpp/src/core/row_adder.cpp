#include "rankme/row_adder.hpp"

#include <algorithm>
#include <cmath>

#include "centring.hpp"
#include "float_rows.hpp"
#include "rankme/budget.hpp"
#include "rankme/memory.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"
#include "rankme/two_sum.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

// How many rows are converted and shifted together, while they are in the first-level cache.
std::int64_t rows_at_a_time(std::int64_t dim) {
  return 8 * std::max<std::int64_t>(1, (16 << 10) / (64 * dim));
}

}  // namespace

std::int64_t rows_a_block(std::int64_t dim, bool shared) {
  const std::int64_t row_bytes = 8 * dim;
  // Threads that share a block need more of it, and there is not one for each.
  if (shared) return std::clamp<std::int64_t>((16 << 20) / row_bytes, 64, 768);
  // Many enough that a tile of the result is worth the way to the memory, few enough that what is
  // done to them finds them in the second-level cache. Narrow rows take more of them, wide ones
  // fewer.
  const std::int64_t rows = 256 * std::max<std::int64_t>(1, (256 << 10) / (256 * row_bytes));
  return std::min(rows, std::max<std::int64_t>(64, (8 << 20) / row_bytes));
}

Crew crew_of(double threads, double affordable) {
  const auto teams_of = [&](double team) {
    team = std::max(1.0, team);
    return Crew{std::max(1, static_cast<int>(std::min(affordable, std::floor(threads / team)))),
                static_cast<int>(team)};
  };
  const Crew many = teams_of(std::floor(threads / affordable));
  const Crew few = teams_of(std::ceil(threads / affordable));
  return few.workers * few.team > many.workers * many.team ? few : many;
}

SumPlan plan_sums(std::int64_t dim, std::int64_t rows, std::int64_t matrices) {
  const int threads = num_threads();
  const double work = static_cast<double>(rows) * static_cast<double>(dim * dim);
  const double by_work = std::min<double>(work / least_work, static_cast<double>(rows));

  const double matrix = 8.0 * static_cast<double>(dim * dim);
  const double affordable = static_cast<double>(matrices) + std::floor(spare_bytes / matrix);

  // What of it the sums of all threads leave, whether they are there yet or not: the cut of rows
  // depends on no other update.
  const double owned = std::min(static_cast<double>(threads), affordable);

  const Crew crew = crew_of(std::min<double>(threads, by_work), affordable);
  return {crew.workers, crew.team,
          // With the row that a block is given beside its own they are what suits the products.
          std::min(rows_a_block(dim, crew.team > 1) - 1, rows),
          static_cast<std::int64_t>(affordable - owned)};
}

static_assert(RowAdder::float_chunk == chunk_rows);

RowAdder::RowAdder() = default;
RowAdder::RowAdder(RowAdder&&) noexcept = default;
RowAdder& RowAdder::operator=(RowAdder&&) noexcept = default;
RowAdder::~RowAdder() = default;

void RowAdder::reserve(std::int64_t block_rows, std::int64_t dim, int sets, bool in_float,
                       int float_threads) {
  // One row more than that of the data: see CentredSum::move_mean.
  const auto needed = static_cast<std::size_t>((block_rows + 1) * dim);
  if (block_.size() < needed) {
    block_ = zeros<AlignedDoubles>(block_rows + 1, dim, "a row block");
  }
  packed_.reserve(block_rows + 1, dim);
  const std::size_t scratch = static_cast<std::size_t>(sets * (block_rows + 1) * probe_count);
  if (probe_scratch_.size() < scratch) probe_scratch_.resize(scratch);
  products_.resize(static_cast<std::size_t>(sets * dim * probe_count));
  for (auto* each : {&block_sums_, &first_, &mean_, &moved_}) {
    each->resize(static_cast<std::size_t>(dim));
  }
  for (auto* part : {&from_origin_.high, &from_origin_.low}) {
    part->resize(static_cast<std::size_t>(dim));
  }
  if (!in_float) return;
  if (!waiting_) waiting_ = std::make_unique<FloatRows>();
  waiting_->reserve(block_rows + 1, dim);
  float_threads_ = float_threads;
}

void RowAdder::finish(CentredSum& sum) {
  if (!waiting_ || waiting_->empty()) return;
  sum.float_lost += waiting_->multiply_into(sum.scatter.data(), float_threads_);
}

void RowAdder::drop() {
  if (waiting_) waiting_->clear();
}

// Leaves the rows of the block to wait, if float32 can hold them.
bool RowAdder::wait_in_float(CentredSum& sum, const Block& block, double largest) {
  if (!waiting_->has_room(block.rows)) finish(sum);
  // Less the mean an entry is twice as large at the most. The mean may have moved by more than
  // that: it is of other rows.
  double bound = std::ldexp(2 * largest, -sum.exponent);
  for (const double entry : moved_) bound = std::max(bound, std::abs(entry));
  if (!waiting_->take(block, bound)) return false;
  sum.float_rows += block.rows - 1;
  return true;
}

bool RowAdder::add(GramSum& sum, const MatrixView& rows, const double* probes,
                   const Preparation& preparation, Helpers* helpers) {
  const Block block{block_.data(), rows.rows, rows.cols, natural_layout(rows)};
  const BlockFacts facts = widen(rows, block.layout, block.data);
  if (!facts.finite) return false;

  double largest = facts.largest;
  if (preparation.column_scales != nullptr) {
    scale_columns(block, preparation.column_scales);
    largest = largest > 0 ? 1 : 0;  // the entries of a unit vector are at most 1
  }
  if (preparation.subtract_first_column) {
    subtract_first_column(block);
    largest = largest_magnitude(block);
  }
  sum.fit_scale(largest);
  if (sum.exponent != 0) scale_all(block, std::ldexp(1.0, -sum.exponent));

  sum_columns(block, block_sums_.data());
  for (std::size_t j = 0; j < block_sums_.size(); ++j) sum.column_sums[j] += block_sums_[j];
  if (probes != nullptr) {
    std::fill(products_.begin(), products_.end(), 0.0);
    add_probe_products(block, probes, probe_scratch_.data(), products_.data());
    add_products(products_.data(), sum.probe_products, sum.probe_products_low);
  }
  add_squares(block.data, block.rows * block.cols, sum.squares);
  packed_.add_gram_of(block, sum.gram, helpers);
  sum.blocks += 1;
  sum.longest_block = std::max(sum.longest_block, block.rows);
  return true;
}

BlockFacts RowAdder::load_rows(const Block& block, const MatrixView& rows, bool normalize,
                               int exponent) {
  BlockFacts facts{0, true};
  const std::int64_t step = rows_at_a_time(block.cols);
  std::fill(mean_.begin(), mean_.end(), 0.0);
  for (std::int64_t row = 0; row < rows.rows; row += step) {
    const std::int64_t end = std::min(rows.rows, row + step);
    const Block part{block.data + row * block.cols, end - row, block.cols, Layout::row_major};
    const BlockFacts found = widen(rows.row_range(row, end), part.layout, part.data);
    facts = {std::max(facts.largest, found.largest), facts.finite && found.finite};
    if (normalize) normalize_rows(part);
    if (exponent != 0) scale_all(part, std::ldexp(1.0, -exponent));
    if (row == 0) std::copy(part.data, part.data + block.cols, first_.begin());
    shift_rows(part, first_.data(), mean_.data());
  }
  for (double& mean : mean_) mean /= static_cast<double>(rows.rows);
  return facts;
}

BlockFacts RowAdder::load_columns(const Block& block, const MatrixView& rows, bool normalize,
                                  int exponent) {
  const BlockFacts facts = widen(rows, block.layout, block.data, block.rows);
  for (std::int64_t j = 0; j < block.cols; ++j) block.data[j * block.rows + rows.rows] = 0;
  if (normalize) normalize_rows(block);
  if (exponent != 0) scale_all(block, std::ldexp(1.0, -exponent));
  centre_columns(block, rows.rows, first_.data(), mean_.data(), squares_);
  return facts;
}

BlockFacts RowAdder::load(const Block& block, const MatrixView& rows, bool normalize,
                          int exponent) {
  squares_ = {};
  BlockFacts facts = block.layout == Layout::row_major
                         ? load_rows(block, rows, normalize, exponent)
                         : load_columns(block, rows, normalize, exponent);
  if (normalize && facts.largest > 0) facts.largest = 1;  // no entry of a unit vector is larger
  return facts;
}

void RowAdder::add_probe_products_to(CentredSum& sum, const Block& block, const double* probes) {
  // What a block's products are off by is its own rounding alone: they were summed apart.
  add_products(products_.data(), sum.probe_products, sum.probe_products_low);
  // 1^T (B X) of the centred rows B is what their mean is off by; with that mean itself, it is what
  // the sum of all rows has to agree with.
  double residual[probe_count];
  double along[probe_count];
  sum_projections(probe_scratch_.data(), block.rows - 1, residual);
  project(from_origin_.high.data(), block.cols, probes, along);
  const auto rows = static_cast<double>(block.rows - 1);
  for (std::size_t c = 0; c < probe_count; ++c) {
    sum.mean_residual += residual[c] * residual[c] / (probe_count * rows);
    sum.mean_products[c] += residual[c] + rows * along[c];
  }
}

bool RowAdder::add(CentredSum& sum, const MatrixView& rows, bool normalize, const double* probes,
                   Helpers* helpers, bool in_float) {
  const Block block{block_.data(), rows.rows + 1, rows.cols, natural_layout(rows)};
  BlockFacts facts = load(block, rows, normalize, sum.exponent);
  if (!facts.finite) return false;
  // The scale may change, and then those that wait have another.
  if (in_float && fitted_exponent(facts.largest, sum.exponent, true) != sum.exponent) finish(sum);
  if (sum.fit_scale(facts.largest)) facts = load(block, rows, normalize, sum.exponent);

  if (sum.rows == 0) sum.origin.assign(first_.begin(), first_.end());
  for (std::size_t j = 0; j < mean_.size(); ++j) {
    double& low = from_origin_.low[j];
    from_origin_.high[j] = two_difference(first_[j], sum.origin[j], &low);
    add_two_sum(from_origin_.high[j], low, mean_[j]);
  }
  if (!sum.move_mean(rows.rows, from_origin_, moved_.data())) {
    std::fill(moved_.begin(), moved_.end(), 0.0);
  }
  const bool rows_first = block.layout == Layout::row_major;
  double* last = block.data + (rows_first ? rows.rows * block.cols : rows.rows);
  for (std::size_t j = 0; j < moved_.size(); ++j) {
    last[static_cast<std::int64_t>(j) * (rows_first ? 1 : block.rows)] = moved_[j];
  }
  if (!rows_first) add_squares(moved_.data(), block.cols, squares_);
  centre_and_probe(block, mean_.data(), probes, probe_scratch_.data(), products_.data(), squares_,
                   sum.probe_sets());
  if (probes != nullptr) add_probe_products_to(sum, block, probes);
  sum.squares.add(squares_);
  if (!in_float || rows.dtype == DType::float64 || !wait_in_float(sum, block, facts.largest)) {
    packed_.add_gram_of(block, sum.scatter, helpers);
  }
  sum.blocks += 1;
  sum.longest_block = std::max(sum.longest_block, rows.rows);
  return true;
}

}  // namespace rankme
