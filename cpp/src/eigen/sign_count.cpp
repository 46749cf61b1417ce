#include "sign_count.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "team.hpp"

namespace rankme {

namespace {

// A bracket this wide, on the scale on which all eigenvalues lie in [-1, 1], is narrow enough: its
// middle is off by a quarter of a rounding.
constexpr double narrow = 0x1p-53;
// Beyond all eigenvalues, with the error of a count.
constexpr double beyond = 1.01;
// Far below rounding, and enough that no two p_i in a row vanish.
constexpr double least_square = 0x1p-120;
// Rows that are added to fill a run have this on their diagonal, above all shifts: no sign changes.
constexpr double filling = 4;
// Eigenvalues that one thread looks for at a time. Fewer share less of the search.
constexpr std::int64_t least_piece = 256;
constexpr std::int64_t most_pieces = 8;

}  // namespace

struct SignCount::Point {
  double x;
  Signs signs;
};

// At least one eigenvalue lies in it: low.signs.below <= its index < high.signs.below.
struct SignCount::Bracket {
  Point low;
  Point high;
  double isolated = 0;  // its width when its eigenvalue was first alone in it
  int rounds = 0;       // since then

  double width() const { return high.x - low.x; }
  double middle() const { return low.x + width() / 2; }
  // Beyond 1 there may be no number between two ends that are farther apart.
  bool is_narrow() const { return width() <= narrow || middle() <= low.x || middle() >= high.x; }
  bool same(const Bracket& other) const { return low.x == other.low.x && high.x == other.high.x; }
};

SignCount::SignCount(const std::vector<double>& diagonal, const std::vector<double>& off_diagonal,
                     const Kernels& kernels)
    : kernels_(kernels), order_(static_cast<std::int64_t>(diagonal.size())) {
  const std::size_t n = diagonal.size();
  const auto beside = [&](std::size_t i) { return i < n - 1 ? std::abs(off_diagonal[i]) : 0; };
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::abs(diagonal[i]) + beside(i) + (i > 0 ? beside(i - 1) : 0));
  }
  if (largest == 0) return;
  // No power of two beyond the range of double, where T is very small.
  scale_ = std::ldexp(1.0, std::min(-std::ilogb(largest) - 1, 1023));
  const std::size_t rows = (n + sign_run - 1) / sign_run * sign_run;
  diagonal_.assign(rows, filling);
  squares_.assign(rows, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    diagonal_[i] = diagonal[i] * scale_;
    if (i == 0) continue;
    const double entry = off_diagonal[i - 1] * scale_;
    squares_[i] = std::max(entry * entry, least_square);
  }
}

void SignCount::sample(std::vector<Point>& points) const {
  const auto most = static_cast<std::size_t>(kernels_.shifts);
  double shifts[most_shifts];
  Signs signs[most_shifts];
  for (std::size_t i = 0; i < points.size(); i += most) {
    const std::size_t count = std::min(most, points.size() - i);
    for (std::size_t k = 0; k < count; ++k) shifts[k] = points[i + k].x;
    kernels_.count_signs(diagonal_.data(), squares_.data(),
                         static_cast<std::int64_t>(diagonal_.size()), shifts,
                         static_cast<std::int64_t>(count), signs);
    for (std::size_t k = 0; k < count; ++k) points[i + k].signs = signs[k];
  }
}

// The eigenvalues of the indices begin to end. Those that share a bracket cut it into equal parts,
// one cut each; one that is alone is a root of p_n, of which the sign and the size are known.
class SignCount::Search {
public:
  Search(const SignCount& of, std::int64_t begin, std::int64_t end) : of_(of), begin_(begin) {
    // No memory is asked for after this: a search may run in a thread that must not fail.
    points_.resize(static_cast<std::size_t>(end - begin));
    std::vector<Point> ends{{-beyond, {}}, {beyond, {}}};
    of.sample(ends);
    ends[0].signs.below = 0;
    ends[1].signs.below = of.order_;
    brackets_.assign(static_cast<std::size_t>(end - begin), {ends[0], ends[1]});
    open_.resize(brackets_.size());
    std::iota(open_.begin(), open_.end(), std::size_t{0});
  }

  void run(double* to) {
    while (!open_.empty()) {
      points_.resize(open_.size());
      for (std::size_t i = 0, j = 0; i < open_.size(); i = j) {
        j = end_of_group(i);
        cut(i, j);
      }
      of_.sample(points_);
      for (std::size_t i = 0, j = 0; i < open_.size(); i = j) {
        j = end_of_group(i);
        narrow_down(i, j);
      }
      std::erase_if(open_, [&](std::size_t k) { return brackets_[k].is_narrow(); });
    }
    for (const Bracket& bracket : brackets_) {
      *to++ = bracket.middle() / of_.scale_;
    }
  }

private:
  // Neighbours with the same bracket as open_[i].
  std::size_t end_of_group(std::size_t i) const {
    std::size_t j = i + 1;
    while (j < open_.size() && brackets_[open_[j]].same(brackets_[open_[i]])) ++j;
    return j;
  }

  void cut(std::size_t i, std::size_t j) {
    Bracket& bracket = brackets_[open_[i]];
    if (bracket.high.signs.below - bracket.low.signs.below == 1) {
      points_[i].x = estimate(bracket);
      return;
    }
    const double part = bracket.width() / static_cast<double>(j - i + 1);
    for (std::size_t k = i; k < j; ++k) {
      points_[k].x = bracket.low.x + part * static_cast<double>(k - i + 1);
    }
  }

  // The ITP method (Oliveira and Takahashi 2021, kappa_1 = 0.2 / width, kappa_2 = 2, n_0 = 1): the
  // secant's root, moved a little towards the middle and never farther from it than bisection
  // allows. So one round more than bisection is the most it takes.
  static double estimate(Bracket& bracket) {
    const double width = bracket.width();
    if (bracket.isolated == 0) bracket.isolated = width;
    const double middle = bracket.middle();
    const double allowed =
        std::max(0.0, std::ldexp(bracket.isolated, 1 - bracket.rounds++) - width / 2);
    const auto apart = std::clamp<std::int64_t>(
        bracket.high.signs.exponent - bracket.low.signs.exponent, -1000, 1000);
    const double ratio =
        std::ldexp(-bracket.high.signs.value / bracket.low.signs.value, static_cast<int>(apart));
    if (!(ratio > 0) || width <= 2 * narrow) return middle;
    const double root = bracket.low.x + width / (1 + ratio);
    const double towards = middle >= root ? 1 : -1;
    const double step = 0.2 * width * (width / bracket.isolated);
    const double moved = step <= std::abs(middle - root) ? root + towards * step : middle;
    const double x = std::abs(moved - middle) <= allowed ? moved : middle - towards * allowed;
    return std::clamp(x, bracket.low.x + narrow, bracket.high.x - narrow);
  }

  // Counts in order: rounding may turn two that are close.
  void narrow_down(std::size_t i, std::size_t j) {
    for (std::size_t k = i + 1; k < j; ++k) {
      points_[k].signs.below = std::max(points_[k].signs.below, points_[k - 1].signs.below);
    }
    for (std::size_t k = i, m = i; m < j; ++m) {
      const std::int64_t index = begin_ + static_cast<std::int64_t>(open_[m]);
      while (k < j && points_[k].signs.below <= index) ++k;
      Bracket& bracket = brackets_[open_[m]];
      if (k > i) bracket.low = points_[k - 1];
      if (k < j) bracket.high = points_[k];
    }
  }

  const SignCount& of_;
  std::int64_t begin_;
  std::vector<Bracket> brackets_;
  std::vector<std::size_t> open_;
  std::vector<Point> points_;
};

std::vector<double> SignCount::eigenvalues(int threads) const {
  std::vector<double> values(static_cast<std::size_t>(order_));
  if (scale_ == 0) return values;
  const std::int64_t piece = std::max(least_piece, (order_ + most_pieces - 1) / most_pieces);
  const std::int64_t pieces = (order_ + piece - 1) / piece;
  std::vector<Search> searches;
  for (std::int64_t begin = 0; begin < order_; begin += piece) {
    searches.emplace_back(*this, begin, std::min(order_, begin + piece));
  }
  std::atomic<std::int64_t> next = 0;
  run_team(static_cast<int>(std::min<std::int64_t>(threads, pieces)), [&](int, Barrier&) {
    for (;;) {
      const std::int64_t turn = next.fetch_add(1, std::memory_order_relaxed);
      if (turn >= pieces) return;
      searches[static_cast<std::size_t>(turn)].run(values.data() + turn * piece);
    }
  });
  // Of two pieces, each with its own search, the ends may be in the wrong order by a rounding.
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace rankme
