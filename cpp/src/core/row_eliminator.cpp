#include "rankme/row_eliminator.hpp"

#include <algorithm>
#include <optional>

#include "blas.hpp"
#include "helpers.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

constexpr int panel = 32;  // columns that are reflected together

// Brings [R; block] to triangular form again, as LAPACK's dtpqrt, panel by panel.
class Elimination {
public:
  // triangular: the block is, too.
  Elimination(double* r, std::int64_t order, double* block, std::int64_t rows, bool triangular,
              double* reflectors, double* work)
      : r_(r),
        block_(block),
        reflectors_(reflectors),
        work_(work),
        n_(static_cast<int>(order)),
        m_(static_cast<int>(rows)),
        triangular_(triangular),
        nb_(std::min(panel, n_)) {}

  void alone() const {
    const int l = triangular_ ? m_ : 0;
    int info = 0;
    const BlasCall call;
    RANKME_BLAS(dtpqrt_)(&m_, &n_, &l, &nb_, r_, &n_, block_, &m_, reflectors_, &nb_, work_, &info);
    if (info != 0) throw LapackError("dtpqrt", info, "an argument had an illegal value");
  }

  // The columns behind a panel are turned in pieces. Who turns those of the next panel goes on to
  // find its reflections, while others still turn the rest: what one thread does alone is hidden.
  void shared(Helpers& helpers) const {
    find_reflections(0);
    for (int first = 0; first + nb_ < n_; first += nb_) {
      const int next = first + nb_;
      const int rest = std::min(next + nb_, n_);
      const int pieces = pieces_of(n_ - rest, helpers.threads());
      helpers.run(pieces + 1, [&](std::int64_t piece) {
        if (piece == pieces) {
          turn(first, next, rest);
          find_reflections(next);
          return;
        }
        const auto edge = [&](std::int64_t i) {
          return i == pieces ? n_ : rest + static_cast<int>(i * (n_ - rest) / pieces / 8 * 8);
        };
        turn(first, edge(piece), edge(piece + 1));
      });
    }
  }

private:
  // Where there is enough for that, two for each thread.
  static int pieces_of(int columns, int threads) {
    constexpr int least_columns = 64;
    return std::clamp(columns / least_columns, columns > 0 ? 1 : 0, 2 * threads);
  }
  int width(int first) const { return std::min(nb_, n_ - first); }
  // Rows of the block that columns up to the panel's last have entries in, and how many of them
  // are a triangle.
  int rows_of(int first) const { return triangular_ ? std::min(first + width(first), m_) : m_; }
  int triangle_of(int first) const { return triangular_ ? rows_of(first) - first : 0; }
  double* at(double* matrix, int step, int row, int column) const {
    return matrix + row + static_cast<std::int64_t>(column) * step;
  }

  void find_reflections(int first) const {
    const int m = rows_of(first);
    const int n = width(first);
    const int l = triangle_of(first);
    int info = 0;
    const BlasCall call;
    RANKME_BLAS(dtpqrt2_)(&m, &n, &l, at(r_, n_, first, first), &n_, at(block_, m_, 0, first), &m_,
                          at(reflectors_, nb_, 0, first), &nb_, &info);
  }

  // Columns `begin` to `end` by the reflections of a panel.
  void turn(int first, int begin, int end) const {
    const int m = rows_of(first);
    const int n = end - begin;
    const int k = width(first);
    const int l = triangle_of(first);
    const BlasCall call;
    RANKME_BLAS(dtprfb_)("L", "T", "F", "C", &m, &n, &k, &l, at(block_, m_, 0, first), &m_,
                         at(reflectors_, nb_, 0, first), &nb_, at(r_, n_, first, begin), &n_,
                         at(block_, m_, 0, begin), &m_, at(work_, nb_, 0, begin), &k);
  }

  double* r_;
  double* block_;
  double* reflectors_;
  double* work_;
  int n_;
  int m_;
  bool triangular_;
  int nb_;
};

}  // namespace

void RowEliminator::reserve(std::int64_t rows, std::int64_t order) {
  const auto grow = [](std::vector<double>& buffer, std::int64_t wanted, std::int64_t cols) {
    if (buffer.size() < static_cast<std::size_t>(wanted * cols)) {
      buffer = zeros(wanted, cols, "a row block");
    }
  };
  grow(block_, rows, order);
  grow(reflectors_, panel, order);
  grow(work_, panel, order);
}

void RowEliminator::eliminate(QrFactor& factor, double* block, std::int64_t rows, bool triangular,
                              Helpers* helpers) {
  const Elimination elimination(factor.r.data(), factor.order(), block, rows, triangular,
                                reflectors_.data(), work_.data());
  if (helpers == nullptr || factor.order() < least_shared_order) {
    elimination.alone();
  } else {
    elimination.shared(*helpers);
  }
}

bool RowEliminator::add(QrFactor& factor, const MatrixView& rows, const double* origin,
                        const QrPreparation& preparation, Helpers* helpers) {
  double* data = block_.data();
  if (factor.with_ones) {
    std::fill(data, data + rows.rows, 1.0);
    data += rows.rows;
  }
  const Block block{data, rows.rows, rows.cols, Layout::column_major};
  const BlockFacts facts = widen(rows, block.layout, block.data);
  if (!facts.finite) return false;
  if (preparation.normalize) {
    normalize_rows(block);
  } else if (preparation.column_scales != nullptr) {
    scale_columns(block, preparation.column_scales);
  } else {
    require_qr_size(facts.largest);
  }
  if (factor.with_ones) subtract_row(block, origin);
  if (preparation.less_first) subtract_first_column(block);
  // What has vanished on its way into the factor was there all the same.
  if (largest_magnitude(block) > 0) factor.note_entry();
  eliminate(factor, block_.data(), rows.rows, false, helpers);
  factor.blocks += 1;
  return true;
}

void RowEliminator::merge(QrFactor& factor, QrFactor& other, Helpers* helpers) {
  eliminate(factor, other.r.data(), other.order(), true, helpers);
  factor.blocks = std::max(factor.blocks, other.blocks) + 1;
  factor.beside += other.beside;
}

}  // namespace rankme
