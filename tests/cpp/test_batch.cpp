#include <atomic>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/batch.hpp"
#include "rankme/bounds.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"

namespace {

using oracle::Matrix;
using rankme::BatchSpectra;
using rankme::MatrixView;
using rankme::Method;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

std::vector<MatrixView> views(const std::vector<Matrix>& matrices) {
  std::vector<MatrixView> all;
  for (const Matrix& z : matrices) all.push_back(view(z));
  return all;
}

// All ways in the core: lanes, single ones, and one for all threads; ragged.
std::vector<Matrix> ragged_matrices() {
  std::vector<Matrix> matrices;
  unsigned seed = 70;
  for (const auto& [rows, cols] : {std::pair{3, 8},
                                   {8, 3},
                                   {16, 64},
                                   {64, 16},
                                   {1, 5},
                                   {5, 1},
                                   {40, 40},
                                   {20, 900},
                                   {900, 20},
                                   {130, 140},
                                   {7, 7}}) {
    matrices.push_back(oracle::random_matrix(rows, cols, seed++, 0.9));
  }
  matrices.push_back(Matrix(4, 6));  // zeros
  return matrices;
}

void values_lie_in_their_intervals(bool center, bool normalize) {
  const std::vector<Matrix> matrices = ragged_matrices();
  for (const Method method : {Method::gram, Method::qr}) {
    const BatchSpectra got = rankme::singular_values(views(matrices), center, normalize, method);
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      Matrix z = normalize ? oracle::normalized(matrices[i]) : matrices[i];
      if (center) z = oracle::centered(z);
      const std::vector<double> wanted = oracle::singular_values(z);
      const auto first = static_cast<std::size_t>(got.offsets[i]);
      CHECK(static_cast<std::size_t>(got.offsets[i + 1]) == first + wanted.size());
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        const auto scaled = [&](const std::vector<double>& values) {
          return std::ldexp(values[first + k], got.exponents[i]);
        };
        const double slack = 2e-15 * (1 + wanted[0]);  // the oracle's own
        CHECK(scaled(got.low) <= wanted[k] + slack && wanted[k] <= scaled(got.high) + slack);
        CHECK(scaled(got.low) <= scaled(got.scaled) && scaled(got.scaled) <= scaled(got.high));
        const double width = scaled(got.high) - scaled(got.low);
        CHECK(width * scaled(got.high) <= 1e-11 * wanted[0] * wanted[0] + 1e-20);
      }
    }
  }
}

void the_first_bad_matrix_is_named() {
  std::vector<Matrix> matrices = ragged_matrices();
  for (const Method method : {Method::gram, Method::qr}) {
    matrices[9](100, 3) = std::nan("");
    matrices[3](40, 2) = std::numeric_limits<double>::infinity();
    CHECK_THROWS(rankme::singular_values(views(matrices), false, false, method),
                 rankme::NonFiniteError, "Zs[3][40, 2] is inf");
    matrices[3](40, 2) = 0;
    CHECK_THROWS(rankme::singular_values(views(matrices), true, true, method),
                 rankme::NonFiniteError, "Zs[9][100, 3] is nan");
  }
  matrices[2].rows = 0;
  CHECK_THROWS(rankme::singular_values(views(matrices), false, false, Method::gram),
               std::invalid_argument, "Zs[2] is an empty matrix");
}

void scores_are_those_of_the_values() {
  const std::vector<Matrix> matrices = ragged_matrices();
  const BatchSpectra spectra = rankme::singular_values(views(matrices), false, false, Method::gram);
  for (const double eps : {0.0, 1e-7, 1e-2}) {
    const rankme::BatchScores got =
        rankme::rankme(spectra.scaled, spectra.low, spectra.high, spectra.offsets, eps, 1e-3);
    CHECK(got.uncertain.empty());
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      CHECK_CLOSE(got.scores[i], rankme::rankme(oracle::singular_values(matrices[i]), eps), 1e-9);
    }
  }
  // Nothing is certain to within nothing but what is known exactly: the zeros.
  const rankme::BatchScores all =
      rankme::rankme(spectra.scaled, spectra.low, spectra.high, spectra.offsets, 1e-7, 0);
  CHECK(all.uncertain.size() == matrices.size() - 1);
}

// What decides without the interval whether the interval is narrow is never below its width.
void the_bound_of_the_width_holds() {
  std::mt19937_64 engine(5);
  std::uniform_real_distribution<double> uniform;
  int useful = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::size_t count = 1 + engine() % 40;
    const double decades = 10 * uniform(engine);
    const double delta = std::pow(10, -16 * uniform(engine));
    std::vector<double> squares(count), low, sigma, high;
    for (double& x : squares) x = std::pow(10, -decades * uniform(engine));
    std::sort(squares.rbegin(), squares.rend());
    double sum = 0;
    for (const double x : squares) {
      low.push_back(std::sqrt(std::max(0.0, x - delta)));
      high.push_back(std::sqrt(x + delta));
      sigma.push_back(low.back() + (high.back() - low.back()) * uniform(engine));
      sum += sigma.back();
    }
    for (const double eps : {0.0, 1e-7, 1e-2, 1.0}) {
      const rankme::Interval interval = rankme::rankme_bounds(low, high, eps);
      const double width = (interval.high - interval.low) / rankme::rankme(sigma, eps);
      const double bound = rankme::width_bound(low, high, sum, eps);
      CHECK(width <= bound);
      if (bound < 1e-3) ++useful;
    }
  }
  CHECK(useful > 3000);
  const std::vector<double> zeros(3), ones(3, 1.0);
  CHECK(std::isinf(rankme::width_bound(zeros, ones, 0, 0)));
}

// The thread sanitizer looks on.
void batches_may_run_side_by_side() {
  const std::vector<Matrix> matrices = ragged_matrices();
  const std::vector<MatrixView> all = views(matrices);
  const BatchSpectra expected = rankme::singular_values(all, false, false, Method::gram);
  std::atomic<int> different = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        const BatchSpectra got = rankme::singular_values(all, false, i == 3, Method::gram);
        const rankme::BatchScores scores =
            rankme::rankme(got.scaled, got.low, got.high, got.offsets, 1e-7, 1e-3);
        if (i < 3 && got.scaled != expected.scaled) ++different;
        if (scores.scores.size() != all.size()) ++different;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(different == 0);
}

}  // namespace

int main() {
  rankme::set_num_threads(3);
  for (const bool center : {false, true}) {
    for (const bool normalize : {false, true}) values_lie_in_their_intervals(center, normalize);
  }
  the_first_bad_matrix_is_named();
  scores_are_those_of_the_values();
  the_bound_of_the_width_holds();
  batches_may_run_side_by_side();
  return check::finish("batch");
}
