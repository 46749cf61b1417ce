// Part of kernel_bodies.hpp: sign counts (Givens 1954) of
//
//   p_i = (d_i - x) p_(i-1) - e_i^2 p_(i-2),   p_0 = 1, p_(-1) = 0,
//
// without a division. Shifts stand in the lanes of a few registers, which hide each other's
// latency.
namespace rankme::RANKME_KERNELS {

constexpr int sign_registers = lanes == 8 ? 4 : 2;
constexpr int sign_lanes = sign_registers * lanes;
static_assert(sign_lanes <= most_shifts);

// Of each of 64 bits, how many are set.
RANKME_INLINE Bits population(Bits bits) {
  UnsignedBits x = reinterpret_cast<UnsignedBits>(bits);
  x -= (x >> 1) & 0x5555555555555555;
  x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
  x += x >> 8;
  x += x >> 16;
  x += x >> 32;
  return reinterpret_cast<Bits>(x & 0x7f);
}

template <int registers>
RANKME_INLINE void count_in(const double* diagonal, const double* squares, std::int64_t rows,
                            const double* shift, Signs* signs) {
  constexpr int steps = 8;  // between two scalings: p changes by 2^-480 to 2^20 in so many
  constexpr std::int64_t sign = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t exponents = 0x7ff0000000000000;
  Vec x[registers];
  Vec before[registers] = {};
  Vec value[registers];
  Bits power[registers] = {};
  Bits changes[registers] = {};
  Bits last[registers] = {};  // the sign of the row before
  RANKME_UNROLL for (int l = 0; l < registers; ++l) {
    x[l] = load(shift + l * lanes);
    value[l] = Vec{} + 1.0;
  }
  for (std::int64_t i = 0; i < rows; i += sign_run) {
    Bits run[registers] = {};  // the signs of a run of rows, the first one in the lowest bit
    for (std::int64_t m = i; m < i + sign_run; m += steps) {
      RANKME_UNROLL for (int step = 0; step < steps; ++step) {
        RANKME_UNROLL for (int l = 0; l < registers; ++l) {
          const Vec next = (diagonal[m + step] - x[l]) * value[l] - squares[m + step] * before[l];
          before[l] = value[l];
          value[l] = next;
          const Bits shifted = reinterpret_cast<Bits>(reinterpret_cast<UnsignedBits>(run[l]) >> 1);
          run[l] = shifted | (reinterpret_cast<Bits>(next) & sign);
        }
      }
      RANKME_UNROLL for (int l = 0; l < registers; ++l) {
        const Bits a = reinterpret_cast<Bits>(before[l]) & exponents;
        const Bits b = reinterpret_cast<Bits>(value[l]) & exponents;
        const Bits larger = a > b ? a : b;
        const Vec scale = reinterpret_cast<Vec>(0x7fe0000000000000 - larger);
        before[l] *= scale;
        value[l] *= scale;
        power[l] += (larger >> 52) - 1023;
      }
    }
    RANKME_UNROLL for (int l = 0; l < registers; ++l) {
      const Bits shifted =
          reinterpret_cast<Bits>(reinterpret_cast<UnsignedBits>(run[l]) << 1) | last[l];
      changes[l] += population(run[l] ^ shifted);
      last[l] = reinterpret_cast<Bits>(reinterpret_cast<UnsignedBits>(run[l]) >> 63);
    }
  }
  for (int l = 0; l < registers; ++l) {
    for (int k = 0; k < lanes; ++k) {
      signs[l * lanes + k] = {changes[l][k], value[l][k], power[l][k]};
    }
  }
}

void count_signs(const double* diagonal, const double* squares, std::int64_t rows,
                 const double* shift, std::int64_t count, Signs* signs) {
  double shifts[sign_lanes];
  Signs found[sign_lanes];
  for (std::int64_t k = 0; k < sign_lanes; ++k) shifts[k] = shift[std::min(k, count - 1)];
  if (count <= lanes) {
    count_in<1>(diagonal, squares, rows, shifts, found);
  } else if (count <= 2 * lanes) {
    count_in<2>(diagonal, squares, rows, shifts, found);
  } else {
    count_in<sign_registers>(diagonal, squares, rows, shifts, found);
  }
  std::copy_n(found, count, signs);
}

}  // namespace rankme::RANKME_KERNELS
