#include "rankme/float_choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rankme/probe.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

// The Frobenius norm of the error of a scatter of n rows is this part of its trace, divided by the
// root of n: what rounding to float32 and its short sums were seen to do to Gaussian rows.
constexpr double error_of_one_row = 2.3e-7;

// What the eigenvalues would be, as parts of their sum: those of the sample where it shows all of
// them, and beyond the half of it the power law that it ends in.
std::vector<double> expected_parts(const std::vector<double>& sample, std::int64_t count) {
  std::vector<double> parts;
  for (const double sigma : sample) {
    if (sigma > 0) parts.push_back(sigma * sigma);
  }
  const auto seen = std::ssize(parts);
  if (seen < count && seen + 2 >= std::ssize(sample) && seen >= 8) {
    const std::int64_t half = seen / 2;
    const double last = parts[static_cast<std::size_t>(half - 1)];
    const double slope = std::log2(parts[static_cast<std::size_t>(half / 2 - 1)] / last);
    parts.resize(static_cast<std::size_t>(half));
    for (std::int64_t k = half + 1; k <= count; ++k) {
      parts.push_back(last * std::pow(static_cast<double>(k) / static_cast<double>(half), -slope));
    }
  }
  double sum = 0;
  for (const double part : parts) sum += part;
  for (double& part : parts) part /= sum;
  return parts;
}

}  // namespace

double guessed_width(const MatrixView& sample, std::int64_t n_rows, bool normalize) {
  const SingularValues values = singular_values(sample, true, normalize, Method::gram);
  const std::int64_t count = std::min(n_rows, sample.cols);
  const std::vector<double> parts = expected_parts(values.scaled, count);
  // Values that are zero by all that is seen would be made of rounding.
  if (static_cast<std::int64_t>(parts.size()) + 1 < count) {
    return std::numeric_limits<double>::infinity();
  }
  double total = 0;
  for (const double part : parts) total += std::sqrt(part);
  double entropy = 0;
  for (const double part : parts) {
    const double p = std::sqrt(part) / total;
    entropy -= p * std::log(p);
  }
  // d log RankMe / d lambda = -(log p + entropy) / (2 sigma sum sigma)
  double squares = 0;
  for (const double part : parts) {
    const double sigma = std::sqrt(part);
    const double slope = (std::log(sigma / total) + entropy) / (2 * sigma * total);
    squares += slope * slope;
  }
  const double ball = safety_of(float_probe_sets(sample.cols)) * error_of_one_row /
                      std::sqrt(static_cast<double>(n_rows));
  // A value that the ball reaches down to zero moves more than its slope tells.
  if (parts.empty() || parts.back() < ball) return std::numeric_limits<double>::infinity();
  // What a sample adds to its last eigenvalues hides how they fall, the more the fewer rows it has
  // beside the columns: for power laws by about this factor.
  const double hidden =
      std::max(1.0, static_cast<double>(sample.cols) / static_cast<double>(2 * sample.rows));
  return 2 * ball * hidden * std::sqrt(squares);
}

MatrixView spread_rows(const MatrixView& z, std::int64_t rows) {
  if (z.rows <= rows) return z;
  // Rows that were picked out have no stride.
  if (z.row_offsets != nullptr) return z.row_range(0, rows);
  MatrixView part = z;
  part.row_stride *= z.rows / rows;
  part.rows = rows;
  return part;
}

FloatChoice::FloatChoice(std::int64_t dim, bool normalize, double tolerance)
    : dim_(dim), normalize_(normalize), tolerance_(tolerance) {
  reset();
}

void FloatChoice::look(const MatrixView& z, std::int64_t n_rows) {
  if (state_.decided) {
    // Not before: an update that fails goes back to where they were needed.
    std::vector<double>().swap(rows_);
    return;
  }
  const MatrixView some = spread_rows(z, rows_to_guess - state_.kept);
  const auto needed = static_cast<std::size_t>((state_.kept + some.rows) * dim_);
  if (rows_.size() < needed) rows_.resize(needed);
  if (!widen(some, Layout::row_major, rows_.data() + state_.kept * dim_).finite) return;
  state_.kept += some.rows;
  if (state_.kept < rows_to_guess) return;
  const MatrixView sample = view_of(rows_.data(), state_.kept, dim_);
  decide(guessed_width(sample, std::max(n_rows, rows_to_guess), normalize_) <= tolerance_);
}

void FloatChoice::decide(bool in_float) {
  state_.decided = true;
  state_.in_float = in_float;
}

void FloatChoice::reset() {
  state_ = {};
  if (std::isinf(tolerance_)) decide(true);
}

}  // namespace rankme
