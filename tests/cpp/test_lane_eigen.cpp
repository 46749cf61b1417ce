#include <algorithm>
#include <functional>
#include <random>
#include <vector>

#include "check.hpp"
#include "lane_eigen.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/eigen.hpp"
#include "simd.hpp"

namespace {

using oracle::Matrix;
using rankme::lanes;
using rankme::LaneSolver;

constexpr int kinds = 10;

// Z whose Gram matrix is hard in some way.
Matrix hard_matrix(int kind, std::int64_t order, unsigned seed) {
  Matrix z = oracle::random_matrix(order, order + 2, seed);
  std::mt19937_64 engine(seed);
  for (std::int64_t i = 0; i < order; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(order);
    for (std::int64_t j = 0; j < z.cols; ++j) {
      double& x = z(i, j);
      if (kind == 1) x *= std::pow(10, -16 * part);               // graded, the largest first
      if (kind == 2) x *= std::pow(10, -16 * (1 - part));         // graded, the largest last
      if (kind == 3) x = 1 + 1e-9 * x;                            // one direction and noise
      if (kind == 4) x = (i == j ? 1 : 0) + 0.3;                  // one cluster and a mean
      if (kind == 5) x = i >= order / 2 ? 0 : x;                  // zeros at the end
      if (kind == 6) x = i % 2 == 0 ? z(0, j) : z(order / 2, j);  // two directions, repeated
      if (kind == 7) x = i == j ? std::pow(10, -160 * part) : 0;  // squares far below the range
      if (kind == 8) x *= i == order - 1 ? 1e-170 : 1;            // a row that all but vanishes
      if (kind == 9) x = 0;
    }
  }
  return z;
}

// Z Z^T on the solver's scale: dense, lower triangle.
Matrix gram_of(const Matrix& z) {
  Matrix g(z.rows, z.rows);
  double trace = 0;
  for (std::int64_t i = 0; i < z.rows; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      for (std::int64_t k = 0; k < z.cols; ++k) g(i, j) += z(i, k) * z(j, k);
      g(j, i) = g(i, j);
    }
    trace += g(i, i);
  }
  if (trace == 0) return g;
  const int exponent = std::ilogb(trace);
  for (double& x : g.entries) x = std::ldexp(x, -exponent);
  return g;
}

void put(LaneSolver& solver, int lane, const Matrix& g, std::int64_t order) {
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const bool inside = i < g.rows;
      solver.matrix(lane)[(rankme::packed_size(i) + j) * rankme::register_lanes] =
          inside ? g(i, j) : 0;
    }
  }
}

std::vector<double> values_of(const LaneSolver& solver, int lane, std::int64_t order) {
  std::vector<double> values(static_cast<std::size_t>(order));
  for (std::int64_t k = 0; k < order; ++k) {
    values[static_cast<std::size_t>(k)] = solver.eigenvalues()[k * lanes + lane];
  }
  return values;
}

// Against two references of other kinds: Jacobi rotations, and LAPACK.
void check_values(std::vector<double> got, const Matrix& g) {
  std::sort(got.begin(), got.end(), std::greater<>());
  const std::vector<double> jacobi = oracle::singular_values(g);
  std::vector<double> dense = g.entries;
  std::vector<double> lapack = rankme::symmetric_eigenvalues(dense.data(), g.rows);
  std::reverse(lapack.begin(), lapack.end());
  const double allowed = rankme::solver_error(g.rows) * jacobi[0];
  for (std::size_t k = 0; k < got.size(); ++k) {
    // Rotations give the magnitude of an eigenvalue that is negative by rounding.
    CHECK(std::abs(std::abs(got[k]) - jacobi[k]) <= allowed);
    CHECK(std::abs(got[k] - lapack[k]) <= allowed);
  }
}

void the_error_is_within_what_is_claimed() {
  for (const std::int64_t order : {1, 2, 3, 4, 5, 8, 16, 17, 50, 97}) {
    LaneSolver solver;
    solver.resize(order);
    for (unsigned round = 0; round < (order < 20 ? 20 : 3); ++round) {
      for (int first = 0; first < kinds; first += lanes) {
        std::vector<Matrix> matrices;
        for (int lane = 0; lane < lanes; ++lane) {
          matrices.push_back(gram_of(hard_matrix((first + lane) % kinds, order, 50 + round)));
          put(solver, lane, matrices.back(), order);
        }
        solver.solve();
        for (int lane = 0; lane < lanes; ++lane) {
          check_values(values_of(solver, lane, order), matrices[static_cast<std::size_t>(lane)]);
        }
      }
    }
  }
}

void negative_eigenvalues_are_found() {
  Matrix g = gram_of(hard_matrix(6, 9, 3));
  for (std::int64_t i = 0; i < 9; ++i) g(i, i) -= 1e-3;
  LaneSolver solver;
  solver.resize(9);
  for (int lane = 0; lane < lanes; ++lane) put(solver, lane, g, 9);
  solver.solve();
  std::vector<double> got = values_of(solver, 2, 9);
  std::sort(got.begin(), got.end());
  std::vector<double> dense = g.entries;
  const std::vector<double> wanted = rankme::symmetric_eigenvalues(dense.data(), 9);
  CHECK(wanted[0] < -5e-4);
  for (std::size_t k = 0; k < 9; ++k) {
    CHECK(std::abs(got[k] - wanted[k]) <= rankme::solver_error(9) * wanted[8]);
  }
}

// Alone in lane 0, and beside others in a later lane and a larger order.
void neighbours_and_padding_change_nothing() {
  for (const std::int64_t order : {1, 2, 7, 20}) {
    for (int kind = 0; kind < kinds; ++kind) {
      const Matrix g = gram_of(hard_matrix(kind, order, 9));
      const Matrix nothing(0, 0);
      LaneSolver solver;
      solver.resize(order);
      put(solver, 0, g, order);
      for (int lane = 1; lane < lanes; ++lane) put(solver, lane, nothing, order);
      solver.solve();
      const std::vector<double> alone = values_of(solver, 0, order);

      const std::int64_t larger = order + 4;
      solver.resize(larger);
      put(solver, 0, gram_of(hard_matrix(1, larger, 10)), larger);
      put(solver, 1, g, larger);
      put(solver, 2, gram_of(hard_matrix(3, larger, 11)), larger);
      put(solver, 3, g, larger);
      solver.solve();
      for (const int lane : {1, 3}) {
        std::vector<double> padded = values_of(solver, lane, larger);
        CHECK(std::all_of(padded.begin() + order, padded.end(), [](double x) { return x == 0; }));
        padded.resize(static_cast<std::size_t>(order));
        CHECK(padded == alone);
      }
    }
  }
}

}  // namespace

int main() {
  the_error_is_within_what_is_claimed();
  negative_eigenvalues_are_found();
  neighbours_and_padding_change_nothing();
  return check::finish("lane_eigen");
}
