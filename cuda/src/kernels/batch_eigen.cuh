// Eigenvalues of a small symmetric matrix: Householder's reduction to tridiagonal form, a row of
// the matrix a thread, and bisection by Sturm counts, an eigenvalue a thread.
#pragma once

#include <cmath>

#include "batch_team.cuh"

namespace rankme::cuda::batch {

// Shared by the threads of one matrix.
struct Tridiagonal {
  double* diagonal;  // n
  double* beside;    // n - 1
  double* squares;   // of those, n - 1
  double* v;         // n, scratch
  double* w;         // n, scratch
};

// T = Q^T A Q (Householder 1958; Golub & Van Loan, 4th ed., 8.3.1). `a` is n x n with a row every
// `pitch` numbers, full and symmetric, and is destroyed. An odd pitch keeps threads on neighbouring
// rows off the same memory bank.
template <class Team>
RANKME_DEVICE void tridiagonalize(const Team& team, double* a, int n, int pitch,
                                  const Tridiagonal& t) {
  for (int k = 0; k + 2 < n; ++k) {
    double below = 0;
    for (int i = k + 2 + team.rank(); i < n; i += team.size()) {
      below += a[i * pitch + k] * a[i * pitch + k];
    }
    below = sum_over(team, below);
    const double head = a[(k + 1) * pitch + k];
    // Numbers whose squares vanish are nothing beside a trace of 2^-400 or more.
    if (!(below > 0x1p-1000)) {
      if (team.rank() == 0) t.beside[k] = head;
      continue;
    }
    const double norm = sqrt(head * head + below);
    const double tau = 1 / (norm * (norm + fabs(head)));  // 2 / v^T v
    if (team.rank() == 0) t.beside[k] = head >= 0 ? -norm : norm;
    for (int i = k + 1 + team.rank(); i < n; i += team.size()) {
      const double x = a[i * pitch + k];
      t.v[i] = i > k + 1 ? x : head >= 0 ? head + norm : head - norm;
    }
    team.sync();

    // w = tau A v - (tau^2 / 2) (v^T A v) v, and A <- A - v w^T - w v^T.
    double product = 0;
    for (int i = k + 1 + team.rank(); i < n; i += team.size()) {
      const double* row = a + i * pitch;
      double sum = 0;
      for (int j = k + 1; j < n; ++j) sum += row[j] * t.v[j];
      t.w[i] = tau * sum;
      product += t.v[i] * (tau * sum);
    }
    const double half = 0.5 * tau * sum_over(team, product);
    for (int i = k + 1 + team.rank(); i < n; i += team.size()) t.w[i] -= half * t.v[i];
    team.sync();
    for (int i = k + 1 + team.rank(); i < n; i += team.size()) {
      double* row = a + i * pitch;
      const double v = t.v[i];
      const double w = t.w[i];
      for (int j = k + 1; j < n; ++j) row[j] -= v * t.w[j] + w * t.v[j];
    }
    team.sync();
  }
  for (int i = team.rank(); i < n; i += team.size()) {
    t.diagonal[i] = a[i * pitch + i];
    if (i + 2 == n) t.beside[i] = a[(i + 1) * pitch + i];
  }
  team.sync();
  for (int i = team.rank(); i + 1 < n; i += team.size()) t.squares[i] = t.beside[i] * t.beside[i];
  team.sync();
}

// To the last bits, but for subnormal results: much shorter than a division that is correctly
// rounded.
RANKME_DEVICE double reciprocal(double x) {
#ifdef __CUDA_ARCH__
  double r;
  asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(r) : "d"(x));
  r = fma(r, fma(-x, r, 1.0), r);
  return fma(r, fma(-x, r, 1.0), r);
#else
  return 1 / x;
#endif
}

// How many eigenvalues of T lie below x: the negative pivots of T - x I (Givens 1954; Demmel,
// Dhillon & Ren 1995). A pivot below `smallest` in magnitude is taken for -smallest.
RANKME_DEVICE int count_below(const Tridiagonal& t, int n, double x, double smallest) {
  double pivot = t.diagonal[0] - x;
  int count = 0;
  for (int i = 0;; ++i) {
    if (fabs(pivot) < smallest) pivot = -smallest;
    count += pivot < 0 ? 1 : 0;
    if (i + 1 == n) return count;
    pivot = (t.diagonal[i + 1] - x) - t.squares[i] * reciprocal(pivot);
  }
}

// out[j] <- the eigenvalue of number j in ascending order, to within a rounding of the largest.
template <class Team>
RANKME_DEVICE void bisect(const Team& team, const Tridiagonal& t, int n, double* out) {
  // Gershgorin's circles hold all eigenvalues.
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  double largest_square = 1;
  for (int i = 0; i < n; ++i) {
    const double before = i > 0 ? fabs(t.beside[i - 1]) : 0;
    const double after = i + 1 < n ? fabs(t.beside[i]) : 0;
    low = fmin(low, t.diagonal[i] - (before + after));
    high = fmax(high, t.diagonal[i] + (before + after));
    largest_square = fmax(largest_square, after * after);
  }
  const double smallest = 0x1p-1021 * largest_square;
  // The counts see a matrix that is off by a few units in the last place.
  const double slack = 0x1p-48 * fmax(fabs(low), fabs(high)) + smallest;
  const bool zero = low == 0 && high == 0;
  for (int j = team.rank(); j < n; j += team.size()) {
    double below = low - slack;
    double above = high + slack;
    for (int step = 0; step < 56; ++step) {
      const double middle = 0.5 * (below + above);
      if (count_below(t, n, middle, smallest) > j) {
        above = middle;
      } else {
        below = middle;
      }
    }
    out[j] = zero ? 0 : 0.5 * (below + above);
  }
}

}  // namespace rankme::cuda::batch
