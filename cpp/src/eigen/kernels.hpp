// The inner loops of the eigenvalue solver, made for each kind of processor. Private to
// cpp/src/eigen.
#pragma once

#include <cstdint>

#include "kinds.hpp"
#include "tiles.hpp"

namespace rankme {

// Two entries of a factor of a product: entry (k, j) is at k * by_k + j * by_j.
struct Strides {
  std::int64_t by_k;
  std::int64_t by_j;
};

// What a sign count at one shift finds: `below` eigenvalues are less than the shift, and the
// characteristic polynomial there is value * 2^exponent, to a few roundings.
struct Signs {
  std::int64_t below;
  double value;
  std::int64_t exponent;
};

// A squared norm below which a column counts as zeros, for matrices of a size near 1. Below it the
// squares would lose digits, and the reflection its orthogonality.
constexpr double negligible_squares = 0x1p-600;

// Rows of a tridiagonal matrix are counted in runs of so many.
constexpr std::int64_t sign_run = 64;
// At so many shifts at once, at most.
constexpr std::int64_t most_shifts = 32;

struct Kernels {
  // A tile, each of its rows (or columns) `stride` from the last, is transposed and multiplied.
  void (*transpose)(const double* from, std::int64_t from_stride, double scale, double* to,
                    std::int64_t to_stride);
  // c += a b and c -= a b for a of 32 x 32 and of 32 x 64, column-major (a_stride from column to
  // column), b by its strides, c column-major. `soon` points to a tile that is needed next: to be
  // fetched meanwhile.
  void (*add_product)(const double* a, std::int64_t a_stride, const double* b, Strides b_strides,
                      double* c, std::int64_t c_stride, const double* soon);
  void (*subtract_product)(const double* a, const double* b, Strides b_strides, double* c,
                           const double* soon);
  // Householder's QR of a panel of `count` tiles below each other. The panel gets the vectors of
  // the reflections, with ones and zeros where they belong; r (column-major) the upper triangle of
  // R, tau their factors.
  void (*factor)(double* panel, std::int64_t count, double* r, double* tau);
  // The reflection that turns the 32 entries at x onto the first of them, which is done to them.
  void (*reflect)(double* x, Reflector& h);
  // D := H D H for the 32 x 32 block on the diagonal at `block`, E := E H for the one below it;
  // then the reflection of the first column of E becomes h, and E := H E.
  void (*chase)(double* block, Reflector& h);
  // Signs at `count` shifts, at most `shifts` <= most_shifts. diagonal, squares: `rows` entries
  // each, a multiple of sign_run; squares[i] is that of the entry between rows i - 1 and i.
  void (*count_signs)(const double* diagonal, const double* squares, std::int64_t rows,
                      const double* shift, std::int64_t count, Signs* signs);
  std::int64_t shifts;
};

// Those of this processor.
const Kernels& kernels();

// All that it can run.
Kinds<Kernels> kinds_of_kernels();

}  // namespace rankme
