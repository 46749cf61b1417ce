#include "rankme/centred_sum.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "rankme/accuracy.hpp"
#include "rankme/memory.hpp"
#include "rankme/parallel.hpp"
#include "rankme/probe.hpp"
#include "rankme/triangle.hpp"
#include "rankme/two_sum.hpp"

namespace rankme {

namespace {

void scale(std::vector<double>& x, int exponent) {
  for (double& value : x) value = std::ldexp(value, exponent);
}

}  // namespace

CentredSum::CentredSum(std::int64_t dim_, Storage storage_, int sets)
    : dim(valid_dim(dim_)),
      storage(storage_),
      scatter(storage_ == Storage::packed
                  ? zeros(1, dim_ * (dim_ + 1) / 2, "half of " + gram_purpose(dim_))
                  : zeros(dim_, dim_, gram_purpose(dim_))),
      origin(static_cast<std::size_t>(dim_)),
      offset{std::vector<double>(static_cast<std::size_t>(dim_)),
             std::vector<double>(static_cast<std::size_t>(dim_))},
      probe_products(static_cast<std::size_t>(sets * dim_ * probe_count)),
      probe_products_low(probe_products),
      mean_products(probe_count),
      theirs_(offset),
      shift_(origin),
      row_(origin) {}

bool CentredSum::is_zero() const {
  for (std::int64_t i = 0; i < dim; ++i) {
    const auto j = static_cast<std::size_t>(i);
    if (scatter[row_start(i) + j] != 0 || origin[j] != 0 || offset.high[j] != 0) {
      return false;
    }
  }
  return true;
}

void CentredSum::clear() {
  exponent = 0;
  rows = blocks = longest_block = float_rows = 0;
  unseen = cancelled = mean_residual = float_lost = 0;
  squares = {};
  for (std::vector<double>* values :
       {&origin, &offset.high, &offset.low, &probe_products, &probe_products_low, &mean_products}) {
    std::fill(values->begin(), values->end(), 0.0);
  }
  for (std::int64_t i = 0; i < dim; ++i) std::fill_n(scatter.data() + row_start(i), i + 1, 0.0);
}

void CentredSum::note_loss(std::int64_t additions) {
  double trace = 0;
  for (std::int64_t i = 0; i < dim; ++i)
    trace += scatter[row_start(i) + static_cast<std::size_t>(i)];
  unseen += static_cast<double>(additions) * unit_roundoff * std::max(trace, 0.0);
}

void CentredSum::rescale(int new_exponent) {
  const int shift = exponent - new_exponent;
  if (shift == 0) return;  // most of all calls, and each would be a pass over the matrix
  for (auto* values : {&origin, &offset.high, &offset.low, &mean_products}) scale(*values, shift);
  for (auto* values : {&scatter, &probe_products, &probe_products_low}) scale(*values, 2 * shift);
  squares = squares.scaled(2 * shift);
  unseen = std::ldexp(unseen, 2 * shift);
  cancelled = std::ldexp(cancelled, 2 * shift);
  float_lost = std::ldexp(float_lost, 2 * shift);
  mean_residual = std::ldexp(mean_residual, 2 * shift);
  exponent = new_exponent;
}

bool CentredSum::fit_scale(double largest) {
  if (largest == 0) return false;
  int fitted = fitted_exponent(largest, exponent, false);
  if (fitted == exponent && is_zero()) fitted = fitted_exponent(largest, exponent, true);
  if (fitted == exponent) return false;
  rescale(fitted);
  return true;
}

double CentredSum::mean(std::int64_t j) const {
  const auto i = static_cast<std::size_t>(j);
  // A mean may be much shorter than the origin, and is then what those two leave.
  double mean = origin[i];
  double low = offset.low[i];
  add_two_sum(mean, low, offset.high[i]);
  return mean + low;
}

bool CentredSum::move_mean(std::int64_t more, const Offset& their_mean, double* row) {
  const double n = static_cast<double>(rows);
  const double m = static_cast<double>(more);
  rows += more;
  if (n == 0) {
    offset = their_mean;
    return false;
  }
  const double weight = m / (n + m);
  const double weight_low = std::fma(-weight, n + m, m) / (n + m);
  const double root = std::sqrt(n * weight);
  bool moved = false;
  for (std::size_t j = 0; j < offset.high.size(); ++j) {
    double low = 0;
    double difference = two_difference(their_mean.high[j], offset.high[j], &low);
    const double rest = low + (their_mean.low[j] - offset.low[j]);
    low = 0;
    add_two_sum(difference, low, rest);
    row[j] = root * difference;
    moved = moved || difference != 0;
    // The step in two parts as well: n rows lie about a mean that has moved by all of it, and what
    // it is off by counts for each of them when the next rows come.
    const double step = weight * difference;
    const double step_low = std::fma(weight, difference, -step) + weight_low * difference;
    add_two_sum(offset.high[j], offset.low[j], step);
    offset.low[j] += step_low + weight * low;
  }
  return moved;
}

// The mean of a sum and its origin, as seen from an origin of ours: theirs_ and shift_.
void CentredSum::look_at(const CentredSum& other, int exponent_shift,
                         const std::vector<double>& from) {
  for (std::size_t j = 0; j < shift_.size(); ++j) {
    double& low = theirs_.low[j];
    shift_[j] = two_difference(std::ldexp(other.origin[j], exponent_shift), from[j], &low);
    theirs_.high[j] = shift_[j];
    low += std::ldexp(other.offset.low[j], exponent_shift);
    add_two_sum(theirs_.high[j], low, std::ldexp(other.offset.high[j], exponent_shift));
  }
}

// What `row` adds to the scatter and shift_ to the sum of the rows, as the probes see it.
void CentredSum::add_moved(std::int64_t their_rows, const double* probes, const double* row) {
  double along[probe_count];
  for (int set = 0; set < probe_sets(); ++set) {
    project(row, dim, probes + set * dim * probe_count, along);
    for (std::int64_t j = 0; j < dim; ++j) {
      for (int c = 0; c < probe_count; ++c) {
        const auto at = static_cast<std::size_t>((set * dim + j) * probe_count + c);
        add_two_sum(probe_products[at], probe_products_low[at], row[j] * along[c]);
      }
    }
  }
  project(shift_.data(), dim, probes, along);
  for (std::size_t c = 0; c < mean_products.size(); ++c) {
    mean_products[c] += static_cast<double>(their_rows) * along[c];
  }
}

void CentredSum::add_products(const CentredSum& other, const double* probes, int exponent_shift,
                              const double* row) {
  for (std::size_t i = 0; i < probe_products.size(); ++i) {
    add_two_sum(probe_products[i], probe_products_low[i],
                std::ldexp(other.probe_products[i], 2 * exponent_shift));
    probe_products_low[i] += std::ldexp(other.probe_products_low[i], 2 * exponent_shift);
  }
  for (std::size_t c = 0; c < mean_products.size(); ++c) {
    mean_products[c] += std::ldexp(other.mean_products[c], exponent_shift);
  }
  add_moved(other.rows, probes, row);
}

// To the scale of the largest that is not zero, before any of them is added.
void CentredSum::make_room(const Sums& others) {
  std::optional<int> fitted;
  if (rows > 0 && !is_zero()) fitted = exponent;
  for (const CentredSum* other : others) {
    if (!other->is_zero()) fitted = std::max(fitted.value_or(other->exponent), other->exponent);
  }
  if (fitted) {
    rescale(*fitted);
  } else if (rows == 0) {
    rescale(others.front()->exponent);
  }
}

// Adds all but the scatter, which still lacks the other one and the outer product of `row`.
void CentredSum::add_beside(const CentredSum& other, const double* probes, double* row) {
  // The sum of two sums rounds once more; with nothing, it does not.
  const bool first = rows == 0;
  constexpr std::int64_t most = std::int64_t{1} << 61;
  blocks = std::min(blocks, most) + std::min(other.blocks, most) + (first ? 0 : 1);
  longest_block = std::max(longest_block, other.longest_block);
  float_rows += other.float_rows;
  const int by = other.exponent - exponent;
  if (first) {
    for (std::size_t j = 0; j < origin.size(); ++j) origin[j] = std::ldexp(other.origin[j], by);
  }
  look_at(other, by, origin);
  if (!move_mean(other.rows, theirs_, row)) std::fill(row, row + dim, 0.0);
  if (probes != nullptr) add_products(other, probes, by, row);
  squares.add(other.squares.scaled(2 * by));
  for (std::int64_t j = 0; j < dim; ++j) squares.add(row[j] * row[j]);
  unseen += std::ldexp(other.unseen, 2 * by);
  cancelled += std::ldexp(other.cancelled, 2 * by);
  float_lost += std::ldexp(other.float_lost, 2 * by);
  mean_residual += std::ldexp(other.mean_residual, 2 * by);
}

void CentredSum::add(const CentredSum& other, const double* probes, int workers) {
  if (other.rows == 0) return;
  const CentredSum* const alone = &other;
  add({&alone, 1}, probes, row_.data(), workers);
}

void CentredSum::add(const Sums& others, const double* probes, int workers) {
  std::vector<const CentredSum*> filled;
  for (const CentredSum* other : others) {
    if (other->rows > 0) filled.push_back(other);
  }
  if (filled.empty()) return;
  std::vector<double> moved(filled.size() * origin.size());
  add(filled, probes, moved.data(), workers);
}

void CentredSum::add(const Sums& filled, const double* probes, double* moved, int workers) {
  const bool empty = rows == 0;
  make_room(filled);
  double* row = moved;
  for (const CentredSum* other : filled) {
    add_beside(*other, probes, row);
    row += dim;
  }
  for_each_row(dim, workers, [&](std::int64_t i) {
    double* to = scatter.data() + row_start(i);
    const double* theirs = moved;
    // What is empty has not been looked at yet, and need not be: new memory costs less if it is
    // written first.
    bool write = empty;
    for (const CentredSum* other : filled) {
      // The exponents differ by 2000 at most.
      const double factor = std::ldexp(1.0, 2 * (other->exponent - exponent));
      const double* from = other->scatter.data() + other->row_start(i);
      const double r = theirs[i];
      if (write) {
        for (std::int64_t j = 0; j <= i; ++j) to[j] = from[j] * factor + r * theirs[j];
      } else {
        for (std::int64_t j = 0; j <= i; ++j) to[j] += from[j] * factor + r * theirs[j];
      }
      write = false;
      theirs += dim;
    }
  });
}

void CentredSum::take(CentredSum& other, int workers) {
  std::swap(*this, other);
  // But for the matrices, which may lie in memory in two ways.
  std::swap(storage, other.storage);
  std::swap(scatter, other.scatter);
  for_each_row(dim, workers, [&](std::int64_t i) {
    double* from = other.scatter.data() + other.row_start(i);
    std::copy_n(from, i + 1, scatter.data() + row_start(i));
    std::fill_n(from, i + 1, 0.0);
  });
}

void CentredSum::move_to(int new_exponent, const std::vector<double>& new_origin,
                         const Offset& point, const double* probes, int workers) {
  rescale(new_exponent);
  look_at(*this, 0, new_origin);
  origin = new_origin;
  offset = point;
  if (rows == 0) return;
  const double root = std::sqrt(static_cast<double>(rows));
  for (std::size_t j = 0; j < row_.size(); ++j) {
    double error = 0;
    const double high = two_difference(theirs_.high[j], point.high[j], &error);
    row_[j] = root * (high + (error + (theirs_.low[j] - point.low[j])));
  }
  if (probes != nullptr) add_moved(rows, probes, row_.data());
  for (const double r : row_) squares.add(r * r);
  for_each_row(dim, workers, [&](std::int64_t i) {
    double* to = scatter.data() + row_start(i);
    const double r = row_[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j <= i; ++j) to[j] += r * row_[static_cast<std::size_t>(j)];
  });
}

std::vector<double> CentredSum::packed() const& {
  return storage == Storage::packed ? scatter : packed_triangle(scatter, dim);
}

std::vector<double> CentredSum::packed() && {
  if (storage == Storage::packed) return std::move(scatter);
  return packed_triangle(std::move(scatter), dim);
}

void CentredSum::unpack(const double* packed) {
  if (storage == Storage::packed) {
    std::copy(packed, packed + scatter.size(), scatter.begin());
  } else {
    unpack_triangle(packed, dim, scatter);
  }
}

}  // namespace rankme
