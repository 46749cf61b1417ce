#include "rankme/qr.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "blas.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

constexpr int panel = 32;  // columns that LAPACK reflects together

}  // namespace

std::vector<double> singular_values(QrFactor factor, bool center) {
  if (center && !factor.with_ones) {
    throw std::logic_error("a factor without ones cannot be centred");
  }
  if (!center) factor.move_origin(std::vector<double>(factor.origin.size()));
  const int n = static_cast<int>(factor.dim);
  const int lda = static_cast<int>(factor.order());
  const int first = factor.with_ones ? 1 : 0;
  const int rows = lda - (center ? first : 0);
  double* a = factor.r.data() + first * factor.order() + (center ? 1 : 0);

  std::vector<double> values(static_cast<std::size_t>(factor.dim));
  std::vector<int> iwork(static_cast<std::size_t>(8 * factor.dim));
  const int one = 1;
  const int query = -1;
  double unused = 0;
  double best = 0;
  int info = 0;
  const auto check = [&] {
    if (info < 0) throw LapackError("dgesdd", info, "an argument had an illegal value");
    if (info > 0) throw LapackError("dgesdd", info, "the singular values did not converge");
  };
  RANKME_BLAS(dgesdd_)("N", &rows, &n, a, &lda, values.data(), &unused, &one, &unused, &one, &best,
                       &query, iwork.data(), &info);
  check();
  const int lwork = std::max(1, static_cast<int>(best));
  std::vector<double> work(static_cast<std::size_t>(lwork));
  const BlasCall call;
  RANKME_BLAS(dgesdd_)("N", &rows, &n, a, &lda, values.data(), &unused, &one, &unused, &one,
                       work.data(), &lwork, iwork.data(), &info);
  check();
  return values;
}

QrAccumulator::QrAccumulator(std::int64_t dim, bool normalize, Means means)
    : QrAccumulator(QrFactor(dim, means == Means::kept), 0, normalize) {}

QrAccumulator::QrAccumulator(QrFactor factor, std::int64_t n_rows, bool normalize, ShardRows shards)
    : normalize_(normalize), ledger_{n_rows, std::move(shards)}, factor_(std::move(factor)) {}

void QrAccumulator::require_whole() const {
  if (torn_) throw TornError();
}

// Brings [R; block] to triangular form again. triangular: so is the block.
void QrAccumulator::eliminate(std::int64_t rows, bool triangular) {
  const int n = static_cast<int>(factor_.order());
  const int m = static_cast<int>(rows);
  const int l = triangular ? m : 0;
  const int nb = std::min(panel, n);
  int info = 0;
  const BlasCall call;
  RANKME_BLAS(dtpqrt_)(&m, &n, &l, &nb, factor_.r.data(), &n, block_.data(), &m, reflectors_.data(),
                       &nb, work_.data(), &info);
  if (info != 0) throw LapackError("dtpqrt", info, "an argument had an illegal value");
  factor_.blocks += 1;
}

bool QrAccumulator::add_rows(const MatrixView& rows, const Preparation& preparation) {
  double* data = block_.data();
  if (factor_.with_ones) {
    std::fill(data, data + rows.rows, 1.0);
    data += rows.rows;
  }
  const Block block{data, rows.rows, rows.cols, Layout::column_major};
  const BlockFacts facts = widen(rows, block.layout, block.data);
  if (!facts.finite) return false;
  if (normalize_) {
    normalize_rows(block);
  } else if (preparation.column_scales != nullptr) {
    scale_columns(block, preparation.column_scales);
  } else {
    require_qr_size(facts.largest);
  }
  if (factor_.with_ones) {
    if (preparation.begins) {
      for (std::int64_t j = 0; j < block.cols; ++j) {
        factor_.origin[static_cast<std::size_t>(j)] = block.data[j * block.rows];
      }
    }
    subtract_row(block, factor_.origin.data());
  }
  if (preparation.less_first) subtract_first_column(block);
  // What has vanished on its way into the factor was there all the same.
  if (largest_magnitude(block) > 0) factor_.note_entry();
  eliminate(rows.rows, false);
  return true;
}

bool QrAccumulator::accumulate(const MatrixView& z, Preparation preparation) {
  const std::int64_t order = factor_.order();
  const std::int64_t step = std::min(qr_block_rows(order), z.rows);
  const auto grow = [](std::vector<double>& buffer, std::int64_t rows, std::int64_t cols) {
    if (buffer.size() < static_cast<std::size_t>(rows * cols)) {
      buffer = zeros(rows, cols, "a row block");
    }
  };
  grow(block_, step, order);
  grow(reflectors_, panel, order);
  grow(work_, panel, order);
  torn_ = true;  // until all of it is in; from here on nothing asks for memory
  for (std::int64_t row = 0; row < z.rows; row += step) {
    if (!add_rows(z.row_range(row, std::min(z.rows, row + step)), preparation)) return false;
    preparation.begins = false;
  }
  torn_ = false;
  return true;
}

void QrAccumulator::update(const MatrixView& z, const std::string* shard) {
  require_width(z, dim());
  const double largest = require_finite(z, 1);
  if (!normalize_) require_qr_size(largest);
  const std::lock_guard lock(mutex_);
  require_whole();
  LedgerEntry entry(ledger_, z.rows, shard);
  if (!accumulate(z, {.begins = ledger_.n_rows == 0})) throw TornError();
  entry.commit();
}

bool QrAccumulator::consume(const MatrixView& z, const UnitScale* column_scales, bool centred) {
  require_width(z, dim());
  const std::lock_guard lock(mutex_);
  const bool ones = factor_.with_ones;
  return accumulate(z, {column_scales, centred && !ones, centred && ones});
}

void QrAccumulator::merge(const QrAccumulator& other) {
  require_mergeable(terms(), other.terms());
  Ledger added;
  QrFactor factor = other.total(&added.n_rows, &added.shards);
  const std::lock_guard lock(mutex_);
  require_whole();
  ledger_.require_mergeable(added);
  if (ledger_.n_rows == 0) {
    factor_.origin = factor.origin;
  } else if (factor_.with_ones) {
    factor.move_origin(factor_.origin);
  }
  const std::int64_t order = factor_.order();
  reflectors_.resize(static_cast<std::size_t>(panel * order));
  work_.resize(static_cast<std::size_t>(panel * order));
  std::swap(block_, factor.r);
  torn_ = true;  // until all of it is in
  eliminate(order, true);
  torn_ = false;
  factor_.blocks += factor.blocks;
  factor_.beside += factor.beside;
  ledger_.merge(added);
  block_.clear();
}

void QrAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  std::fill(factor_.r.begin(), factor_.r.end(), 0.0);
  std::fill(factor_.origin.begin(), factor_.origin.end(), 0.0);
  factor_.blocks = 0;
  factor_.beside = 0;
  ledger_.clear();
  torn_ = false;
}

std::int64_t QrAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return ledger_.n_rows;
}

ShardRows QrAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return ledger_.shards;
}

QrFactor QrAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  require_whole();
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  return factor_;
}

QrFactor QrAccumulator::take() && {
  const std::lock_guard lock(mutex_);
  return std::move(factor_);
}

}  // namespace rankme
