#include "small_gram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "multiversion.hpp"
#include "product_kernels.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

constexpr std::int64_t tile = lines_a_tile;

// Asks for lines of a view that will be read soon.
void prefetch_lines(const MatrixView& view, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t cache_line = 64;
  const std::int64_t bytes = view.rows * item_size(view.dtype);
  for (std::int64_t line = begin; line < end; ++line) {
    for (std::int64_t at = 0; at < bytes; at += cache_line) {
      __builtin_prefetch(view.at(0, line) + at, 0, 2);
    }
  }
}

// Row-major to column-major.
RANKME_MULTIVERSION void transpose(const double* from, std::int64_t rows, std::int64_t cols,
                                   double* to) {
  constexpr std::int64_t step = 8;
  for (std::int64_t i = 0; i < rows; i += step) {
    const std::int64_t end = std::min(rows, i + step);
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t r = i; r < end; ++r) to[j * rows + r] = from[r * cols + j];
    }
  }
}

// Subtracts from each line their mean, and returns what that takes away, as a sum of squares.
RANKME_MULTIVERSION double subtract_mean_line(double* panel, std::int64_t order,
                                              std::int64_t length, double* mean) {
  std::fill(mean, mean + length, 0.0);
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t k = 0; k < length; ++k) mean[k] += panel[i * length + k];
  }
  double squares = 0;
  for (std::int64_t k = 0; k < length; ++k) {
    mean[k] /= static_cast<double>(order);
    squares += mean[k] * mean[k];
  }
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t k = 0; k < length; ++k) panel[i * length + k] -= mean[k];
  }
  return squares * static_cast<double>(order);
}

// Pieces of all lines that stay in the second-level cache, and four of them in the first. A
// multiple of a large power of two would make them collide there.
std::int64_t panel_length(std::int64_t order, std::int64_t length) {
  const std::int64_t best = std::clamp<std::int64_t>((192 << 10) / (8 * order), 64, 456);
  if (length <= best + best / 4) return length;
  const std::int64_t even = best / 8 * 8;
  return even % 64 == 0 ? even - 8 : even;
}

template <class Buffer>
void grow(Buffer& buffer, std::int64_t size) {
  if (buffer.size() < static_cast<std::size_t>(size)) buffer.resize(static_cast<std::size_t>(size));
}

}  // namespace

bool SmallGram::compute(const MatrixView& z, std::optional<Rest> rest) {
  rest_ = rest;
  wide_ = z.rows < z.cols;
  lines_ = wide_ ? z.transposed() : z;
  order_ = lines_.cols;
  stride_ = (order_ + tile - 1) / tile * tile;
  panel_length_ = panel_length(order_, lines_.rows);
  grow(panel_, stride_ * panel_length_);
  grow(transposed_, order_ * panel_length_);
  grow(sums_, std::max(order_, panel_length_));
  grow(gram_, stride_ * stride_);
  exponent_ = 0;
  range_known_ = normalize_;  // entries of unit vectors are at most 1
  if (normalize_ && wide_ && find_row_scales() != Outcome::good) return false;

  Outcome outcome = add_all();
  if (outcome == Outcome::out_of_range) {
    range_known_ = true;
    const double largest = largest_entry();
    if (!std::isfinite(largest)) return false;
    exponent_ = std::clamp(std::ilogb(largest), -1000, 1000);
    outcome = add_all();
  }
  if (outcome != Outcome::good) return false;
  finish();
  return true;
}

SmallGram::Outcome SmallGram::add_all() {
  std::fill_n(gram_.begin(), stride_ * stride_, 0.0);
  seen_.assign(static_cast<std::size_t>(order_), 0);
  mean_squares_ = 0;
  if (center_ && !wide_) {
    const Outcome outcome = find_means();
    if (outcome != Outcome::good) return outcome;
  }
  for (std::int64_t begin = 0; begin < lines_.rows; begin += panel_length_) {
    const std::int64_t end = std::min(lines_.rows, begin + panel_length_);
    const Outcome outcome = load(begin, end, true);
    if (outcome != Outcome::good) return outcome;
    if (rest_) rest_->top->remove_from(panel_.data(), end - begin, *rest_->live);
    add_panel(end - begin, lines_.row_range(end, std::min(lines_.rows, end + panel_length_)));
  }
  return Outcome::good;
}

// Rows of Z by their norms, rows to the power of two, less their mean: in this order, and line
// after line in the end.
SmallGram::Outcome SmallGram::load(std::int64_t begin, std::int64_t end, bool means_known) {
  const MatrixView piece = lines_.row_range(begin, end);
  const bool by_lines = natural_layout(piece) == Layout::column_major;
  const Block block{by_lines ? panel_.data() : transposed_.data(), piece.rows, piece.cols,
                    by_lines ? Layout::column_major : Layout::row_major};
  const BlockFacts facts = widen(piece, block.layout, block.data);
  if (!facts.finite) return Outcome::not_finite;
  // Squares of what is inside can be squared and summed again without leaving float64's range.
  const bool inside = facts.largest == 0 || (facts.largest > 0x1p-100 && facts.largest < 0x1p100);
  if (!range_known_ && !inside) return Outcome::out_of_range;

  if (normalize_ && wide_) scale_columns(block, scales_.data());
  if (normalize_ && !wide_) normalize_rows(block);
  if (exponent_ != 0) scale_all(block, std::ldexp(1.0, -exponent_));
  if (center_ && !wide_) {
    subtract_row(block, origin_.data());
    if (means_known) subtract_row(block, means_.data());
  }
  if (!by_lines) transpose(block.data, piece.rows, piece.cols, panel_.data());
  if (center_ && wide_) {
    // The first line first: lines that are alike cancel to exact zeros, and a mean that is much
    // longer than the spread around it drowns nothing.
    subtract_first_column({panel_.data(), piece.rows, piece.cols, Layout::column_major});
    mean_squares_ += subtract_mean_line(panel_.data(), order_, piece.rows, sums_.data());
  }
  return Outcome::good;
}

SmallGram::Outcome SmallGram::find_row_scales() {
  grow(origin_, lines_.rows);
  scales_.resize(static_cast<std::size_t>(order_));
  const MatrixView rows = lines_.transposed();
  for (std::int64_t i = 0; i < order_; ++i) {
    const BlockFacts facts = widen(rows.row_range(i, i + 1), Layout::row_major, origin_.data());
    if (!facts.finite) return Outcome::not_finite;
    scales_[static_cast<std::size_t>(i)] = unit_scale(origin_.data(), lines_.rows, 1);
  }
  return Outcome::good;
}

// The first row of Z as it enters, and the mean of the others' distance from it: of rows that are
// alike both are exact, and nothing is left of them.
SmallGram::Outcome SmallGram::find_means() {
  const auto width = static_cast<std::size_t>(order_);
  origin_.assign(std::max(origin_.size(), width), 0.0);
  means_.assign(width, 0.0);
  Outcome outcome = load(0, 1, false);
  std::copy_n(panel_.begin(), width, origin_.begin());
  for (std::int64_t begin = 0; begin < lines_.rows && outcome == Outcome::good;
       begin += panel_length_) {
    const std::int64_t end = std::min(lines_.rows, begin + panel_length_);
    outcome = load(begin, end, false);
    if (outcome != Outcome::good) break;
    sum_columns({panel_.data(), end - begin, order_, Layout::column_major}, sums_.data());
    for (std::size_t j = 0; j < width; ++j) means_[j] += sums_[j];
  }
  const double rows = static_cast<double>(lines_.rows);
  for (std::size_t j = 0; j < width; ++j) {
    means_[j] /= rows;
    mean_squares_ += rows * means_[j] * means_[j];
    // Unit vectors are rounded: where nothing is left of a line, it is no exact zero unless it was
    // one.
    seen_[j] = normalize_ && origin_[j] != 0;
  }
  return outcome;
}

// Of Z as it came; NaN where it is not finite.
double SmallGram::largest_entry() {
  double largest = 0;
  for (std::int64_t begin = 0; begin < lines_.rows; begin += panel_length_) {
    const MatrixView piece = lines_.row_range(begin, std::min(lines_.rows, begin + panel_length_));
    const BlockFacts facts = widen(piece, natural_layout(piece), transposed_.data());
    if (!facts.finite) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, facts.largest);
  }
  return largest;
}

void SmallGram::add_panel(std::int64_t length, const MatrixView& next) {
  double* const end = panel_.data() + order_ * length;
  std::fill(end, panel_.data() + stride_ * length, 0.0);
  // Short pieces of many long lines are nothing that a processor foresees: waiting for them took a
  // tenth of the time.
  const bool pieces = next.rows > 0 && next.row_stride == item_size(next.dtype);
  for (std::int64_t i = 0; i < stride_; i += tile) {
    if (pieces) prefetch_lines(next, i, std::min(order_, i + tile));
    product_kernels().add_lines(panel_.data(), i, stride_, length, gram_.data());
  }
  for (std::int64_t i = 0; i < order_; ++i) {
    char& seen = seen_[static_cast<std::size_t>(i)];
    // Squares may vanish where entries do not.
    const double* line = panel_.data() + i * length;
    if (seen == 0) {
      seen = entry(i, i) > 0 || std::any_of(line, line + length, [](double x) { return x != 0; });
    }
  }
}

void SmallGram::finish() {
  trace_ = 0;
  for (std::int64_t i = 0; i < order_; ++i) trace_ += entry(i, i);
  live_.clear();
  if (center_ && trace_ == 0 && rows_are_alike()) return;
  // A line that is zeros after the mean of all lines was subtracted is rounding, no exact zero.
  const bool exact = !(center_ && wide_);
  for (std::int64_t i = 0; i < order_; ++i) {
    if (!exact || seen_[static_cast<std::size_t>(i)] != 0) live_.push_back(i);
  }
}

// As they came: rows that are alike only once they are unit vectors may be so by rounding.
bool SmallGram::rows_are_alike() {
  const MatrixView z = wide_ ? lines_.transposed() : lines_;
  grow(origin_, z.cols);
  grow(sums_, z.cols);
  for (std::int64_t i = 0; i < z.rows; ++i) {
    double* row = i == 0 ? origin_.data() : sums_.data();
    widen(z.row_range(i, i + 1), Layout::row_major, row);
    if (!std::equal(row, row + z.cols, origin_.data())) return false;
  }
  return true;
}

double SmallGram::delta() const {
  // |fl(x . y) - x . y| <= d u / (1 - d u) |x| . |y| with d the longest chain of additions behind
  // a sum (Higham 2002, section 3.1): a panel's products in each lane, the lanes and the products
  // that fill no register, and for each panel its sum and as much as is kept of it beside. Over all
  // pairs of lines |x| . |y| makes a matrix whose Frobenius norm is the trace at most. And products
  // that vanish.
  const double panels =
      std::ceil(static_cast<double>(lines_.rows) / static_cast<double>(panel_length_));
  const double lanes = static_cast<double>(product_kernels().width);
  const double chain = static_cast<double>(panel_length_) / lanes + 2 * lanes + 4 * panels;
  const double vanished = std::numeric_limits<double>::denorm_min() *
                          static_cast<double>(lines_.rows) * static_cast<double>(order_);
  return 1.01 * (chain * unit_roundoff * trace_ + vanished);
}

double SmallGram::centring_error() const {
  if (!center_) return 0;
  // Two subtractions an entry, and the rounding of a mean of so many; all relative to the distance
  // from the first row, which is what is left and what was subtracted, by Pythagoras.
  const double count =
      wide_ ? static_cast<double>(order_)
            : static_cast<double>(panel_length_) +
                  std::ceil(static_cast<double>(lines_.rows) / static_cast<double>(panel_length_));
  return 1.01 * (count + 8) * unit_roundoff * std::sqrt(trace_ + mean_squares_);
}

}  // namespace rankme
