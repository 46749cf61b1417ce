// The Gram matrix of the smaller side of a small matrix, in buffers that are kept from one to the
// next. Private to cpp/src.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/memory.hpp"
#include "top_space.hpp"

namespace rankme {

// The smaller side's vectors are called lines: columns of Z, or rows where N < K. Lines are read
// panel by panel, each panel as short pieces of all lines that stay in the second-level cache.
class SmallGram {
public:
  SmallGram(bool center, bool normalize) : center_(center), normalize_(normalize) {}

  // What is left of the lines without their part along the largest directions.
  struct Rest {
    TopSpace* top;
    const std::vector<std::int64_t>* live;
  };
  // Of the lines, or of that rest of them. False where an entry is not finite; what is below is
  // then not defined.
  [[nodiscard]] bool compute(const MatrixView& z, std::optional<Rest> rest = std::nullopt);

  // Of the matrix, on the scale of Z * 2^-exponent. j <= i.
  double entry(std::int64_t i, std::int64_t j) const {
    return gram_[static_cast<std::size_t>(i * stride_ + j)];
  }
  double trace() const { return trace_; }
  int exponent() const { return exponent_; }
  // Bounds the Frobenius norm of the matrix's error, whatever the entries are.
  double delta() const;
  // Bounds what centring has moved a singular value by.
  double centring_error() const;
  // Lines that are not zeros throughout; the eigenvalues of the others are exactly 0.
  const std::vector<std::int64_t>& live() const { return live_; }

private:
  enum class Outcome { good, not_finite, out_of_range };

  Outcome add_all();
  Outcome load(std::int64_t begin, std::int64_t end, bool means_known);
  Outcome find_row_scales();
  Outcome find_means();
  double largest_entry();
  void add_panel(std::int64_t length, const MatrixView& next);
  void finish();
  bool rows_are_alike();

  bool center_;
  bool normalize_;
  bool wide_ = false;
  bool range_known_ = false;
  std::optional<Rest> rest_;
  MatrixView lines_;  // a column a line
  std::int64_t order_ = 0;
  std::int64_t stride_ = 0;  // order_, up to a multiple of four
  std::int64_t panel_length_ = 0;
  int exponent_ = 0;
  double trace_ = 0;
  double mean_squares_ = 0;  // of what centring has subtracted, all entries together
  std::vector<double> gram_;
  AlignedDoubles panel_;  // line after line
  std::vector<double> transposed_;
  std::vector<double> origin_;
  std::vector<double> means_;
  std::vector<double> sums_;
  std::vector<UnitScale> scales_;
  std::vector<char> seen_;  // lines that have shown an entry other than 0
  std::vector<std::int64_t> live_;
};

}  // namespace rankme
