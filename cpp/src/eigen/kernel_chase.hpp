// Part of kernel_bodies.hpp: one step of a sweep that takes a column of the band to two entries.
namespace rankme::RANKME_KERNELS {

// Lane i gets the sum of s[i]: in each round two registers become one that holds half of the sums
// of each.
RANKME_INLINE Vec sums_of(Vec (&s)[lanes]) {
#if RANKME_LANES == 8
  Vec pairs[4];
  Vec fours[2];
  RANKME_UNROLL for (int i = 0; i < 4; ++i) {
    const Vec a = s[2 * i];
    const Vec b = s[2 * i + 1];
    pairs[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
  RANKME_UNROLL for (int i = 0; i < 2; ++i) {
    const Vec a = pairs[2 * i];
    const Vec b = pairs[2 * i + 1];
    fours[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return __builtin_shufflevector(fours[0], fours[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(fours[0], fours[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif RANKME_LANES == 4
  const Vec first = __builtin_shufflevector(s[0], s[1], 0, 4, 2, 6) +
                    __builtin_shufflevector(s[0], s[1], 1, 5, 3, 7);
  const Vec second = __builtin_shufflevector(s[2], s[3], 0, 4, 2, 6) +
                     __builtin_shufflevector(s[2], s[3], 1, 5, 3, 7);
  return __builtin_shufflevector(first, second, 0, 1, 4, 5) +
         __builtin_shufflevector(first, second, 2, 3, 6, 7);
#else
  return __builtin_shufflevector(s[0], s[1], 0, 2) + __builtin_shufflevector(s[0], s[1], 1, 3);
#endif
}

// x with zeros in the lanes before `first`.
RANKME_INLINE Vec from_lane(Vec x, int first) {
  Bits keep;
  RANKME_UNROLL for (int i = 0; i < lanes; ++i) keep[i] = i < first ? 0 : -1;
  return reinterpret_cast<Vec>(reinterpret_cast<Bits>(x) & keep);
}

RANKME_INLINE void reflect_onto_first(double* x, Reflector& h) {
  Vec squares_of = {};
  RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
    const Vec part = q == 0 ? from_lane(load(x), 1) : load(x + q * lanes);
    squares_of += part * part;
  }
  const double squares = sum(squares_of);
  const double pivot = x[0];
  h.tau = 0;
  double factor = 0;
  double target = pivot;
  if (squares >= negligible_squares) {
    target = -std::copysign(std::sqrt(pivot * pivot + squares), pivot);
    h.tau = (target - pivot) / target;
    factor = 1 / (pivot - target);
  }
  RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
    store(h.v + q * lanes, load(x + q * lanes) * factor);
    store(x + q * lanes, Vec{});
  }
  h.v[0] = 1;
  x[0] = target;
}

void reflect(double* x, Reflector& h) { reflect_onto_first(x, h); }

// D := D - v w^T - w v^T with w = tau (D v - tau / 2 (v^T D v) v): the lower triangle, of which a
// column below the diagonal serves as column and as row.
RANKME_INLINE void reflect_both_sides(double* d, const Reflector& h) {
  Vec w[column_registers] = {};
  RANKME_UNROLL for (int p = 0; p < column_registers; ++p) {
    Vec across[lanes];
    RANKME_UNROLL for (int c = 0; c < lanes; ++c) {
      const double* const column = d + (p * lanes + c) * Band::stride;
      const double entry = h.v[p * lanes + c];
      const Vec corner = from_lane(load(column + p * lanes), c);
      w[p] += corner * entry;
      across[c] = from_lane(corner, c + 1) * load(h.v + p * lanes);
      RANKME_UNROLL for (int q = p + 1; q < column_registers; ++q) {
        const Vec part = load(column + q * lanes);
        w[q] += part * entry;
        across[c] += part * load(h.v + q * lanes);
      }
    }
    w[p] += sums_of(across);
  }
  Vec inner = {};
  RANKME_UNROLL for (int q = 0; q < column_registers; ++q) inner += w[q] * load(h.v + q * lanes);
  const double along = -0.5 * h.tau * h.tau * sum(inner);
  double entries[side];
  RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
    w[q] = w[q] * h.tau + load(h.v + q * lanes) * along;
    store(entries + q * lanes, w[q]);
  }
  RANKME_UNROLL for (int p = 0; p < column_registers; ++p) {
    for (int c = 0; c < lanes; ++c) {
      double* const column = d + (p * lanes + c) * Band::stride;
      const double v = h.v[p * lanes + c];
      const double entry = entries[p * lanes + c];
      // What lies above the diagonal is stored in entries that nobody reads.
      RANKME_UNROLL for (int q = p; q < column_registers; ++q) {
        double* const to = column + q * lanes;
        store(to, load(to) - load(h.v + q * lanes) * entry - w[q] * v);
      }
    }
  }
}

RANKME_INLINE void reflect_below(double* e, Reflector& h) {
  Vec w[column_registers] = {};
  for (int c = 0; c < side; ++c) {
    const double entry = h.v[c];
    RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
      w[q] += load(e + c * Band::stride + q * lanes) * entry;
    }
  }
  double before[side];
  RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
    w[q] *= h.tau;
    store(before + q * lanes, load(h.v + q * lanes));
    store(e + q * lanes, load(e + q * lanes) - w[q]);  // v[0] = 1
  }
  reflect_onto_first(e, h);
  for (int c = 1; c < side; ++c) {
    double* const column = e + c * Band::stride;
    Vec parts[column_registers];
    Vec inner = {};
    RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
      parts[q] = load(column + q * lanes) - w[q] * before[c];
      inner += parts[q] * load(h.v + q * lanes);
    }
    const double along = h.tau * sum(inner);
    RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
      store(column + q * lanes, parts[q] - load(h.v + q * lanes) * along);
    }
  }
}

void chase(double* block_on_diagonal, Reflector& h) {
  reflect_both_sides(block_on_diagonal, h);
  reflect_below(block_on_diagonal + side, h);
}

}  // namespace rankme::RANKME_KERNELS
