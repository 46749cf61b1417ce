#include "lane_eigen.hpp"

#include <cmath>
#include <stdexcept>

#include "multiversion.hpp"
#include "simd.hpp"

namespace rankme {

namespace {

// A row whose squares add up to less than this is 2^-300 of the trace at most and counts as zeros.
// Below it the squares would lose digits, and the reflection its orthogonality.
constexpr double negligible_squares = 0x1p-600;

RANKME_INLINE void square_root(SimdDouble& x) {
  for (int lane = 0; lane < register_lanes; ++lane) x[lane] = std::sqrt(x[lane]);
}

// Of `lanes` matrices: register `part` of entry i.
#define RANKME_LANES(from, i, part) RANKME_SIMD((from) + (i) * lanes, part)
#define RANKME_CONST_LANES(from, i, part) RANKME_CONST_SIMD((from) + (i) * lanes, part)

// p = A v for the leading order x order matrix, of which the lower triangle is there.
RANKME_INLINE void multiply(const double* a, std::int64_t order, const double* v, double* p) {
  for (std::int64_t r = 0; r < order; ++r) {
    const double* row = a + packed_size(r) * register_lanes;
    const SimdDouble vr = RANKME_CONST_SIMD(v, r);
    SimdDouble sum = RANKME_CONST_SIMD(row, r) * vr;
    for (std::int64_t c = 0; c < r; ++c) {
      const SimdDouble entry = RANKME_CONST_SIMD(row, c);
      sum += entry * RANKME_CONST_SIMD(v, c);
      RANKME_SIMD(p, c) += entry * vr;
    }
    RANKME_SIMD(p, r) = sum;
  }
}

// A -= v q^T + q v^T
RANKME_INLINE void rank_two_update(double* a, std::int64_t order, const double* v,
                                   const double* q) {
  for (std::int64_t r = 0; r < order; ++r) {
    double* row = a + packed_size(r) * register_lanes;
    const SimdDouble vr = RANKME_CONST_SIMD(v, r);
    const SimdDouble qr = RANKME_CONST_SIMD(q, r);
    for (std::int64_t c = 0; c <= r; ++c) {
      RANKME_SIMD(row, c) -= vr * RANKME_CONST_SIMD(q, c) + qr * RANKME_CONST_SIMD(v, c);
    }
  }
}

// From the last row up, each is reflected onto its last entry before the diagonal (Householder
// 1958; Wilkinson and Reinsch 1971, II/2). The matrices of one register; d gets the diagonal, e2[i]
// the square of entry (i + 1, i), both in every other register; p is scratch.
RANKME_MULTIVERSION void tridiagonalize(double* a, std::int64_t order, double* d, double* e2,
                                        double* p) {
  const SimdDouble zero = {};
  for (std::int64_t i = order - 1; i >= 0; --i) {
    double* v = a + packed_size(i) * register_lanes;
    RANKME_LANES(d, i, 0) = RANKME_CONST_SIMD(v, i);
    if (i == 0) break;
    SimdDouble squares = {};
    for (std::int64_t j = 0; j < i; ++j) {
      squares += RANKME_CONST_SIMD(v, j) * RANKME_CONST_SIMD(v, j);
    }
    const SimdMask there = squares >= negligible_squares;
    RANKME_LANES(e2, i - 1, 0) = there ? squares : zero;
    if (i == 1) continue;

    SimdDouble length = squares;
    square_root(length);
    const SimdDouble last = RANKME_CONST_SIMD(v, i - 1);
    const SimdDouble target = last < 0 ? length : -length;
    RANKME_SIMD(v, i - 1) = last - target;
    // 2 / ||v||^2, and 0 where there is nothing to reflect: p and q are then zeros as well.
    const SimdDouble inverse = there ? 1 / (squares - last * target) : zero;
    multiply(a, i, v, p);
    SimdDouble product = {};
    for (std::int64_t j = 0; j < i; ++j) {
      const SimdDouble scaled = RANKME_CONST_SIMD(p, j) * inverse;
      RANKME_SIMD(p, j) = scaled;
      product += RANKME_CONST_SIMD(v, j) * scaled;
    }
    const SimdDouble half = 0.5 * inverse * product;
    for (std::int64_t j = 0; j < i; ++j) RANKME_SIMD(p, j) -= half * RANKME_CONST_SIMD(v, j);
    rank_two_update(a, i, v, p);
  }
}

#define RANKME_EACH(part) _Pragma("GCC unroll 2") for (int part = 0; part < registers; ++part)

// Where the block that begins at row `first` ends, a lane: at the first entry beside the diagonal
// that is negligible, which becomes 0. Returns the furthest end of all lanes.
RANKME_INLINE std::int64_t find_ends(const double* d, double* e2, std::int64_t first,
                                     std::int64_t order, const SimdDouble (&negligible)[registers],
                                     SimdMask (&ends)[registers]) {
  constexpr double relative = 0x1p-106;  // (2^-53)^2
  const SimdDouble zero = {};
  SimdMask open[registers];
  RANKME_EACH(part) {
    open[part] = ~SimdMask{};
    ends[part] = open[part] & (order - 1);
  }
  for (std::int64_t i = first; i + 1 < order; ++i) {
    RANKME_EACH(part) {
      const SimdDouble product =
          RANKME_CONST_LANES(d, i, part) * RANKME_CONST_LANES(d, i + 1, part);
      const SimdDouble size = relative * (product < 0 ? -product : product);
      const SimdDouble beside = RANKME_CONST_LANES(e2, i, part);
      const SimdMask small = beside <= (size > negligible[part] ? size : negligible[part]);
      ends[part] = (open[part] & small) != 0 ? (ends[part] & 0) + i : ends[part];
      open[part] &= ~small;
      RANKME_LANES(e2, i, part) = small ? zero : beside;
    }
  }
  std::int64_t furthest = first;
  RANKME_EACH(part) {
    for (int lane = 0; lane < register_lanes; ++lane) {
      furthest = ends[part][lane] > furthest ? ends[part][lane] : furthest;
    }
  }
  return furthest;
}

// What a step of QL carries from row to row.
struct Carried {
  SimdMask active;
  SimdDouble shift, cosine, sine, gamma, p;
};

// One step of QL with Wilkinson's shift on the block [first, end] of each lane; lanes whose block
// is one row long stay as they are. Notation as in Parlett, The Symmetric Eigenvalue Problem, 8.15.
RANKME_INLINE void ql_step(double* d, double* e2, std::int64_t first, std::int64_t furthest,
                           const SimdMask (&ends)[registers]) {
  const SimdDouble zero = {};
  // Lanes whose block has not begun compute nonsense, NaN too: nothing of it is kept.
  Carried carried[registers];
  RANKME_EACH(part) {
    const SimdDouble front = RANKME_CONST_LANES(d, first, part);
    SimdDouble beside = RANKME_CONST_LANES(e2, first, part);
    square_root(beside);
    const SimdDouble ratio = (RANKME_CONST_LANES(d, first + 1, part) - front) / (2 * beside);
    SimdDouble root = ratio * ratio + 1;
    square_root(root);
    const SimdDouble shift = front - beside / (ratio + (ratio < 0 ? -root : root));
    carried[part] = {ends[part] > first, shift, zero, zero, zero, zero};
  }
  for (std::int64_t i = furthest - 1; i >= first; --i) {
    RANKME_EACH(part) {
      Carried& c = carried[part];
      const SimdDouble below = RANKME_CONST_LANES(d, i + 1, part);
      const SimdMask starts = ends[part] == i + 1;
      const SimdMask runs = c.active & (ends[part] > i);
      c.gamma = starts ? below - c.shift : c.gamma;
      c.p = starts ? c.gamma * c.gamma : c.p;
      c.cosine = starts ? zero + 1 : c.cosine;
      c.sine = starts ? zero : c.sine;

      const SimdDouble square = RANKME_CONST_LANES(e2, i, part);
      const SimdDouble r = c.p + square;
      const SimdMask inside = runs & ~starts;
      RANKME_LANES(e2, i + 1, part) = inside ? c.sine * r : RANKME_CONST_LANES(e2, i + 1, part);
      const SimdDouble old_cosine = c.cosine;
      const SimdDouble old_gamma = c.gamma;
      const SimdDouble alpha = RANKME_CONST_LANES(d, i, part);
      c.cosine = c.p / r;
      c.sine = square / r;
      c.gamma = c.cosine * (alpha - c.shift) - c.sine * old_gamma;
      RANKME_LANES(d, i + 1, part) = runs ? old_gamma + (alpha - c.gamma) : below;
      c.p = c.cosine != 0 ? c.gamma * c.gamma / c.cosine : old_cosine * square;
    }
  }
  RANKME_EACH(part) {
    const Carried& c = carried[part];
    RANKME_LANES(e2, first, part) = c.active ? c.sine * c.p : RANKME_CONST_LANES(e2, first, part);
    RANKME_LANES(d, first, part) =
        c.active ? c.shift + c.gamma : RANKME_CONST_LANES(d, first, part);
  }
}

RANKME_MULTIVERSION bool diagonalize(double* d, double* e2, std::int64_t order) {
  constexpr int most_steps = 60;  // LAPACK allows 30 an eigenvalue, and needs 2
  SimdDouble negligible[registers];
  RANKME_EACH(part) {
    SimdDouble largest = {};
    for (std::int64_t i = 0; i < order; ++i) {
      const SimdDouble square = RANKME_CONST_LANES(d, i, part) * RANKME_CONST_LANES(d, i, part);
      largest = square > largest ? square : largest;
    }
    // An entry beside the diagonal that is 2^-56 of the largest on it.
    negligible[part] = 0x1p-112 * largest;
  }
  SimdMask ends[registers] = {};
  for (std::int64_t first = 0; first + 1 < order; ++first) {
    for (int step = 0;; ++step) {
      const std::int64_t furthest = find_ends(d, e2, first, order, negligible, ends);
      if (furthest == first) break;
      if (step == most_steps) return false;
      ql_step(d, e2, first, furthest, ends);
    }
  }
  return true;
}

}  // namespace

void LaneSolver::resize(std::int64_t order) {
  const auto grow = [](std::vector<double>& buffer, std::int64_t count) {
    const auto size = static_cast<std::size_t>(count * lanes);
    if (buffer.size() < size) buffer.resize(size);
  };
  order_ = order;
  grow(a_, packed_size(order));
  grow(d_, order);
  grow(e2_, order);
  grow(work_, order);
}

void LaneSolver::solve() {
  for (int part = 0; part < registers; ++part) {
    const int first = part * register_lanes;
    tridiagonalize(matrix(first), order_, d_.data() + first, e2_.data() + first, work_.data());
  }
  if (!diagonalize(d_.data(), e2_.data(), order_)) {
    throw std::runtime_error("the QL iteration for the eigenvalues of a small matrix failed");
  }
}

}  // namespace rankme
