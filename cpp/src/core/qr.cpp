#include "rankme/qr.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "blas.hpp"
#include "helpers.hpp"
#include "rankme/budget.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Fewer rows at a time cost as much as these.
constexpr std::int64_t least_rows = 64;

// That the work of so many rows is worth.
double threads_for(std::int64_t rows, double order) {
  const double work = 2 * static_cast<double>(rows) * order * order / least_work;
  return std::clamp(std::floor(work), 1.0, static_cast<double>(num_threads()));
}

int merging_threads(std::int64_t order) { return order < least_shared_order ? 1 : num_threads(); }

void take_in(QrFactor& factor, QrFactor& other) {
  if (other.blocks == 0) return;
  RowEliminator room;
  room.reserve(0, factor.order());
  Teams teams(1, merging_threads(factor.order()));
  room.merge(factor, other, teams.of(0));
}

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

QrFactor& QrAccumulator::factor_of(int worker) {
  return worker == 0 ? factor_ : others_[static_cast<std::size_t>(worker) - 1];
}

QrAccumulator::Plan QrAccumulator::plan(std::int64_t rows) const {
  const double order = static_cast<double>(factor_.order());
  const double wanted = threads_for(rows, order);
  // Merging a factor takes as much as a third of its order in rows: they pay once they have had
  // six times as many each, and then stay. A part of an update that is much smaller than a panel
  // costs as much as a whole one.
  const double all_rows = static_cast<double>(ledger_.n_rows) + static_cast<double>(rows);
  const double fit = 1 + std::floor(spare_bytes / (8 * order * order));
  const double pay =
      std::max(std::floor(all_rows / (2 * order)), static_cast<double>(1 + others_.size()));
  const double filled = std::floor(static_cast<double>(rows) / least_rows);
  const double factors = std::max(1.0, std::min({fit, pay, filled}));
  const bool shared = factor_.order() >= least_shared_order;
  const Crew crew = crew_of(shared ? wanted : std::min(wanted, factors), factors);
  // The blocks of all of them together are as large as that of one alone.
  const std::int64_t block_rows =
      std::max<std::int64_t>(least_rows, qr_block_rows(factor_.order()) / crew.workers);
  return {crew, std::min(block_rows, rows)};
}

void QrAccumulator::prepare(const Plan& plan) {
  const auto workers = static_cast<std::size_t>(plan.crew.workers);
  others_.reserve(workers);
  while (others_.size() + 1 < workers) others_.emplace_back(dim(), factor_.with_ones);
  if (rooms_.size() < workers) rooms_.resize(workers);
  for (std::size_t worker = 0; worker < workers; ++worker) {
    rooms_[worker].reserve(plan.block_rows, factor_.order());
  }
}

// That of the first row of all, as it enters.
void QrAccumulator::set_origin(const MatrixView& first_row) {
  const Block row{factor_.origin.data(), 1, dim(), Layout::row_major};
  widen(first_row, row.layout, row.data);
  if (normalize_) normalize_rows(row);
}

bool QrAccumulator::accumulate(const MatrixView& z, const Plan& plan, Teams& teams,
                               const QrPreparation& preparation) {
  torn_ = true;  // until all of it is in; from here on nothing asks for memory
  std::atomic<bool> finite = true;
  parallel_ranges(z.rows, plan.crew.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    RowEliminator& room = rooms_[static_cast<std::size_t>(worker)];
    for (std::int64_t row = begin; row < end && finite; row += plan.block_rows) {
      const MatrixView rows = z.row_range(row, std::min(end, row + plan.block_rows));
      if (!room.add(factor_of(worker), rows, factor_.origin.data(), preparation,
                    teams.of(worker))) {
        finite = false;
      }
    }
  });
  torn_ = !finite;
  return finite;
}

void QrAccumulator::update(const MatrixView& z, const std::string* shard) {
  require_width(z, dim());
  const double order = static_cast<double>(factor_.order());
  const double largest = require_finite(z, static_cast<int>(threads_for(z.rows, order)));
  if (!normalize_) require_qr_size(largest);
  const std::lock_guard lock(mutex_);
  require_whole();
  const bool begins = ledger_.n_rows == 0;
  const Plan plan = this->plan(z.rows);
  LedgerEntry entry(ledger_, z.rows, shard);
  prepare(plan);
  Teams teams(plan.crew.workers, plan.crew.team);
  if (begins && factor_.with_ones) set_origin(z.row_range(0, 1));
  if (!accumulate(z, plan, teams, {.normalize = normalize_})) throw TornError();
  entry.commit();
}

bool QrAccumulator::consume(const MatrixView& z, const UnitScale* column_scales, bool centred) {
  require_width(z, dim());
  const std::lock_guard lock(mutex_);
  const Plan plan = this->plan(z.rows);
  prepare(plan);
  Teams teams(plan.crew.workers, plan.crew.team);
  if (centred && factor_.with_ones) set_origin(z.row_range(0, 1));
  return accumulate(z, plan, teams, {normalize_, column_scales, centred && !factor_.with_ones});
}

void QrAccumulator::merge(const QrAccumulator& other) {
  require_mergeable(terms(), other.terms());
  Ledger added;
  QrFactor factor = other.total(&added.n_rows, &added.shards);
  const std::lock_guard lock(mutex_);
  require_whole();
  ledger_.require_mergeable(added);
  if (rooms_.empty()) rooms_.resize(1);
  rooms_.front().reserve(0, factor_.order());
  Teams teams(1, merging_threads(factor_.order()));
  if (ledger_.n_rows == 0) {
    factor_.origin = factor.origin;
  } else if (factor_.with_ones) {
    factor.move_origin(factor_.origin);
  }
  const std::int64_t blocks = factor_.blocks + factor.blocks + 1;
  torn_ = true;  // until all of it is in
  rooms_.front().merge(factor_, factor, teams.of(0));
  torn_ = false;
  factor_.blocks = blocks;
  ledger_.merge(added);
}

void QrAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  std::fill(factor_.r.begin(), factor_.r.end(), 0.0);
  std::fill(factor_.origin.begin(), factor_.origin.end(), 0.0);
  factor_.blocks = 0;
  factor_.beside = 0;
  others_.clear();
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
  QrFactor all = factor_;
  for (const QrFactor& other : others_) {
    QrFactor copy = other;
    take_in(all, copy);
  }
  return all;
}

QrFactor QrAccumulator::take() && {
  const std::lock_guard lock(mutex_);
  rooms_.clear();
  for (QrFactor& other : others_) {
    take_in(factor_, other);
    std::vector<double>().swap(other.r);
  }
  others_.clear();
  return std::move(factor_);
}

}  // namespace rankme
