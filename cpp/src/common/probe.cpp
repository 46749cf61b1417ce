#include "rankme/probe.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "centring.hpp"
#include "multiversion.hpp"
#include "rankme/two_sum.hpp"

namespace rankme {

namespace {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every (seed, index) has its number, so that
// probes do not depend on the order in which they are drawn.
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// In (0, 1), never 0: the logarithm below needs it.
double uniform(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53; }

// The eight probes of one dimension, in a register of the widest kind there is.
typedef double Eight __attribute__((vector_size(8 * sizeof(double)), aligned(8), may_alias));
// A macro and not a function: what takes or returns such a type has another ABI on each processor.
#define RANKME_EIGHT(from, i) (*reinterpret_cast<Eight*>((from) + (i) * probe_count))
#define RANKME_CONST_EIGHT(from, i) (*reinterpret_cast<const Eight*>((from) + (i) * probe_count))

// How many lines of a block go through the loops below together: enough independent sums to keep
// the multipliers busy, few enough for the registers.
constexpr std::int64_t together = 8;

// A block is `count` lines of `length` contiguous doubles (rows, or columns), `step` apart.
//
// gather: out[l, :] (+)= sum_m block[l][m] in[m, :]
// spread: out[m, :] += sum_l block[l][m] in[l, :]
//
// For rows, block X is a gather and block^T T a spread; for columns it is the other way round.
struct LinesOf {
  const double* data;
  std::int64_t count, length, step;
};

template <std::int64_t lines>
RANKME_INLINE void gather_lines(const double* block, std::int64_t length, std::int64_t step,
                                const double* in, double* out) {
  Eight sums[lines];
  for (std::int64_t l = 0; l < lines; ++l) sums[l] = RANKME_EIGHT(out, l);
  for (std::int64_t m = 0; m < length; ++m) {
    const Eight x = RANKME_CONST_EIGHT(in, m);
    for (std::int64_t l = 0; l < lines; ++l) sums[l] += block[l * step + m] * x;
  }
  for (std::int64_t l = 0; l < lines; ++l) RANKME_EIGHT(out, l) = sums[l];
}

template <std::int64_t lines>
RANKME_INLINE void spread_lines(const double* block, std::int64_t length, std::int64_t step,
                                const double* in, double* out) {
  Eight x[lines];
  for (std::int64_t l = 0; l < lines; ++l) x[l] = RANKME_CONST_EIGHT(in, l);
  for (std::int64_t m = 0; m < length; ++m) {
    Eight sum = RANKME_EIGHT(out, m);
    for (std::int64_t l = 0; l < lines; ++l) sum += block[l * step + m] * x[l];
    RANKME_EIGHT(out, m) = sum;
  }
}

RANKME_MULTIVERSION void gather(const LinesOf& block, const double* in, double* out) {
  std::int64_t l = 0;
  const auto line = [&](std::int64_t i) { return block.data + i * block.step; };
  for (; l + together <= block.count; l += together) {
    gather_lines<together>(line(l), block.length, block.step, in, out + l * probe_count);
  }
  for (; l < block.count; ++l) {
    gather_lines<1>(line(l), block.length, block.step, in, out + l * probe_count);
  }
}

RANKME_MULTIVERSION void spread(const LinesOf& block, const double* in, double* out) {
  std::int64_t l = 0;
  const auto line = [&](std::int64_t i) { return block.data + i * block.step; };
  for (; l + together <= block.count; l += together) {
    spread_lines<together>(line(l), block.length, block.step, in + l * probe_count, out);
  }
  for (; l < block.count; ++l) {
    spread_lines<1>(line(l), block.length, block.step, in + l * probe_count, out);
  }
}

// line -= mean; returns the sum of the squares of what is left.
RANKME_MULTIVERSION double centre_line(double* __restrict line, const double* __restrict mean,
                                       std::int64_t length) {
  constexpr std::int64_t lanes = 16;
  double sums[lanes] = {};
  std::int64_t m = 0;
  for (; m + lanes <= length; m += lanes) {
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const double rest = line[m + lane] - mean[m + lane];
      line[m + lane] = rest;
      sums[lane] += rest * rest;
    }
  }
  double total = 0;
  for (; m < length; ++m) {
    line[m] -= mean[m];
    total += line[m] * line[m];
  }
  for (const double part : sums) total += part;
  return total;
}

// The probes and the products of so many columns stay in the first-level cache while they serve so
// many rows, which come from the second level twice: to be centred and gathered, and to be spread.
constexpr std::int64_t tile_rows = 3 * together;
constexpr std::int64_t tile_columns = 128;

// All rows but the last are centred.
void centre_rows(const Block& block, const double* mean, const double* probes, double* scratch,
                 double* products, TwoParts& squares, int sets) {
  const std::int64_t columns = sets > 1 ? tile_columns / 2 : tile_columns;
  const auto at = [&](std::int64_t i, std::int64_t m) { return block.data + i * block.cols + m; };
  const auto centre = [&](std::int64_t i, std::int64_t m, std::int64_t length) {
    if (i < block.rows - 1) {
      squares.add(centre_line(at(i, m), mean + m, length));
    } else {
      add_squares(at(i, m), length, squares);
    }
  };
  const auto for_columns = [&](const auto& body) {
    for (std::int64_t m = 0; m < block.cols; m += columns) {
      body(m, std::min(columns, block.cols - m));
    }
  };
  for (std::int64_t first = 0; first < block.rows; first += tile_rows) {
    const std::int64_t last = std::min(block.rows, first + tile_rows);
    for_columns([&](std::int64_t m, std::int64_t length) {
      for (std::int64_t l = first; l < last; l += together) {
        const std::int64_t end = std::min(last, l + together);
        for (std::int64_t i = l; i < end; ++i) centre(i, m, length);
        for (int set = 0; set < sets && probes != nullptr; ++set) {
          gather({at(l, m), end - l, length, block.cols},
                 probes + (set * block.cols + m) * probe_count,
                 scratch + (set * block.rows + l) * probe_count);
        }
      }
    });
    if (probes == nullptr) continue;
    for_columns([&](std::int64_t m, std::int64_t length) {
      for (int set = 0; set < sets; ++set) {
        spread({at(first, m), last - first, length, block.cols},
               scratch + (set * block.rows + first) * probe_count,
               products + (set * block.cols + m) * probe_count);
      }
    });
  }
}

RANKME_MULTIVERSION void add_lines(const double* lines, std::int64_t count, double* out) {
  Eight sum = RANKME_EIGHT(out, 0);
  for (std::int64_t l = 0; l < count; ++l) sum += RANKME_CONST_EIGHT(lines, l);
  RANKME_EIGHT(out, 0) = sum;
}

RANKME_MULTIVERSION void add_two_parts(const double* x, std::int64_t count, double* __restrict high,
                                       double* __restrict low) {
  for (std::int64_t i = 0; i < count; ++i) add_two_sum(high[i], low[i], x[i]);
}

}  // namespace

void project(const double* row, std::int64_t dim, const double* probes, double* out) {
  std::fill(out, out + probe_count, 0.0);
  gather({row, 1, dim, dim}, probes, out);
}

void sum_projections(const double* lines, std::int64_t count, double* out) {
  std::fill(out, out + probe_count, 0.0);
  add_lines(lines, count, out);
}

void add_products(const double* products, std::vector<double>& high, std::vector<double>& low) {
  add_two_parts(products, static_cast<std::int64_t>(high.size()), high.data(), low.data());
}

double safety_of(int probe_sets) {
  if (probe_sets >= 2) return 3.45;
  return probe_safety;
}

int float_probe_sets(std::int64_t dim) { return dim < 768 ? 1 : 2; }

std::vector<double> gaussian_probes(std::int64_t dim, std::uint64_t seed, int sets) {
  std::vector<double> probes(static_cast<std::size_t>(sets * dim * probe_count));
  // Box and Muller (1958): two uniform numbers make two independent normal ones.
  for (std::size_t i = 0; i < probes.size(); i += 2) {
    const double radius = std::sqrt(-2 * std::log(uniform(random_bits(seed, i))));
    const double angle = 2 * std::numbers::pi * uniform(random_bits(seed, i + 1));
    probes[i] = radius * std::cos(angle);
    probes[i + 1] = radius * std::sin(angle);
  }
  return probes;
}

void add_probe_products(const Block& block, const double* probes, double* scratch,
                        double* products) {
  std::fill(scratch, scratch + block.rows * probe_count, 0.0);
  if (block.layout == Layout::row_major) {
    const LinesOf rows{block.data, block.rows, block.cols, block.cols};
    gather(rows, probes, scratch);
    spread(rows, scratch, products);
  } else {
    const LinesOf columns{block.data, block.cols, block.rows, block.rows};
    spread(columns, probes, scratch);
    gather(columns, scratch, products);
  }
}

void centre_and_probe(const Block& block, const double* mean, const double* probes, double* scratch,
                      double* products, TwoParts& squares, int sets) {
  const std::int64_t by_set = block.cols * probe_count;
  if (probes != nullptr) std::fill(products, products + sets * by_set, 0.0);
  if (block.layout == Layout::row_major) {
    if (probes != nullptr) std::fill(scratch, scratch + sets * block.rows * probe_count, 0.0);
    centre_rows(block, mean, probes, scratch, products, squares, sets);
    return;
  }
  for (int set = 0; set < sets && probes != nullptr; ++set) {
    add_probe_products(block, probes + set * by_set, scratch + set * block.rows * probe_count,
                       products + set * by_set);
  }
}

}  // namespace rankme
