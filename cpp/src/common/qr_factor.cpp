#include "rankme/qr_factor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "rankme/accuracy.hpp"
#include "rankme/budget.hpp"
#include "rankme/memory.hpp"

namespace rankme {

std::int64_t qr_block_rows(std::int64_t order) {
  return std::clamp<std::int64_t>(spare_bytes / (8 * order), 64, 4096);
}

void require_qr_size(double largest) {
  if (largest > 0x1p1000) {
    throw std::invalid_argument(
        "Z has entries beyond 2^1000, too large for method='qr'; scale it by a power of two, "
        "which changes no score, or use method='gram'");
  }
}

QrFactor::QrFactor(std::int64_t dim_, bool with_ones_)
    : dim(valid_dim(dim_)),
      with_ones(with_ones_),
      origin(static_cast<std::size_t>(dim_)),
      r(zeros(order(), order(),
              "a float64 triangular factor of " + std::to_string(order()) + " x " +
                  std::to_string(order()))) {}

double QrFactor::norm() const {
  // On the scale of the largest entry, whose square may not fit.
  const std::int64_t skip = with_ones ? order() : 0;
  double largest = 0;
  for (std::size_t i = static_cast<std::size_t>(skip); i < r.size(); ++i) {
    largest = std::max(largest, std::abs(r[i]));
  }
  if (largest == 0) return 0;
  double squares = 0;
  for (std::size_t i = static_cast<std::size_t>(skip); i < r.size(); ++i) {
    squares += (r[i] / largest) * (r[i] / largest);
  }
  return largest * std::sqrt(squares);
}

double QrFactor::error(std::int64_t n_rows) const {
  const double size = norm() + beside;
  if (size == 0) return 0;
  const double count = static_cast<double>(blocks);
  // Rounding in all directions, as of LAPACK's reflections of any data; and rounding in one
  // direction, which rows that are all alike add up inside a block, sixteen sums at a time, and
  // from block to block. A reflector has a norm and a product of such sums, and the next one again:
  // 2 rows / 16 were seen, and four are counted. A factor that was merged into another one was such
  // a block, too.
  const double scattered =
      4 * (10 + std::sqrt(static_cast<double>(order()))) * std::sqrt(count + 1);
  const std::int64_t longest = std::min(qr_block_rows(order()), n_rows);
  const std::int64_t merged = blocks > 1 ? std::min(order(), n_rows) : 0;
  const double steady = static_cast<double>(longest + merged) / 4 + 2 * count;
  const double subnormal = std::numeric_limits<double>::denorm_min() * static_cast<double>(order());
  return (scattered + steady) * (unit_roundoff * size + subnormal);
}

void QrFactor::move_origin(const std::vector<double>& to) {
  if (to == origin) return;
  if (!with_ones) throw std::logic_error("a factor without ones has no other origin");
  std::vector<double> move(origin.size());
  for (std::size_t j = 0; j < move.size(); ++j) {
    move[j] = origin[j] - to[j];
    r[(j + 1) * static_cast<std::size_t>(order())] += r[0] * move[j];
  }
  beside += std::abs(r[0]) * euclidean_norm(move);
  origin = to;
}

void QrFactor::note_entry() { beside += std::numeric_limits<double>::denorm_min(); }

void QrFactor::center_rows() {
  const std::int64_t n = order();
  for (std::int64_t i = 0; i < n; ++i) {
    double mean = 0;
    for (std::int64_t j = i; j < n; ++j) mean += r[static_cast<std::size_t>(j * n + i)];
    mean /= static_cast<double>(n);
    for (std::int64_t j = 0; j < n; ++j) r[static_cast<std::size_t>(j * n + i)] -= mean;
  }
}

std::vector<double> QrFactor::packed() const {
  const std::int64_t n = order();
  std::vector<double> triangle;
  triangle.reserve(static_cast<std::size_t>(n * (n + 1) / 2));
  for (std::int64_t j = 0; j < n; ++j) {
    const double* column = r.data() + j * n;
    triangle.insert(triangle.end(), column, column + j + 1);
  }
  return triangle;
}

void QrFactor::unpack(const double* packed) {
  const std::int64_t n = order();
  for (std::int64_t j = 0; j < n; ++j) {
    std::copy(packed, packed + j + 1, r.data() + j * n);
    packed += j + 1;
  }
}

}  // namespace rankme
