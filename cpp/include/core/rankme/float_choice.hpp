// Whether products in float32 would leave RankMe certain enough, guessed from some of the rows
// before the others are multiplied. A guess costs time where it is wrong, and no digit: what the
// probes measure is what counts.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/matrix_view.hpp"

namespace rankme {

// Products in float64; or in float32 for rows of float32, float16 and bfloat16 where RankMe is
// certain enough with them.
enum class Precision { float64, fast };

// The width of RankMe's interval, in parts of it, up to which sums that nobody gave another one for
// are in float32; that of rankme.score.
constexpr double usual_width = 1e-4;

// Of so many rows the guess is made.
constexpr std::int64_t rows_to_guess = 256;

// How wide the interval of RankMe (eps = 0) would be, in parts of RankMe, for n_rows rows like
// those of the sample, whose products are in float32. Infinity where it would not be one. Throws
// NonFiniteError.
double guessed_width(const MatrixView& sample, std::int64_t n_rows, bool normalize);

// So many rows of z, evenly spread, or all if there are fewer.
MatrixView spread_rows(const MatrixView& z, std::int64_t rows);

// The choice for rows that come in blocks: those that come before there are enough of them are kept
// here, and multiplied in float64.
class FloatChoice {
public:
  // tolerance: the width of the interval that is accepted. Infinity: all rows in float32, whatever
  // they are.
  FloatChoice(std::int64_t dim, bool normalize, double tolerance);

  bool decided() const { return state_.decided; }
  bool in_float() const { return state_.in_float; }
  // Looks at rows that are to come next, and decides once they are enough. n_rows: how many there
  // are to be expected. Rows that are not finite are not looked at.
  void look(const MatrixView& z, std::int64_t n_rows);
  void decide(bool in_float);
  void reset();

  // To go back to, where the rows do not come in after all.
  struct State {
    std::int64_t kept = 0;
    bool decided = false;
    bool in_float = false;
  };
  State state() const { return state_; }
  void restore(const State& state) { state_ = state; }

private:
  std::int64_t dim_;
  bool normalize_;
  double tolerance_;
  State state_;
  std::vector<double> rows_;
};

}  // namespace rankme
