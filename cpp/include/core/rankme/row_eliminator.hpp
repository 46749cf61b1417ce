// How rows enter a triangular factor: a block at a time, converted, prepared and reflected away.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/qr_factor.hpp"

namespace rankme {

class Helpers;

// From this order on it pays to share the reflections of one block.
constexpr std::int64_t least_shared_order = 512;

// What is done to rows on their way into a factor.
struct QrPreparation {
  bool normalize = false;
  const UnitScale* column_scales = nullptr;  // dim factors for the columns, or none
  bool less_first = false;                   // each row less its own first entry
};

// One thread's room to work in; it serves any number of factors of one order, in turn.
class RowEliminator {
public:
  // Makes room for blocks of so many rows. Throws OutOfMemory.
  void reserve(std::int64_t rows, std::int64_t order);

  // R <- qr([R; rows]), of rows that `reserve` made room for, less the origin. helpers, or none,
  // share the columns. False where an entry is not finite; the factor is then as it was. Throws
  // where one is too large to be squared.
  [[nodiscard]] bool add(QrFactor& factor, const MatrixView& rows, const double* origin,
                         const QrPreparation& preparation, Helpers* helpers);
  // R <- qr([R; other]), of rows about the same origin; counts as one block more than either had.
  // Destroys the triangle of the other. Needs room for no rows.
  void merge(QrFactor& factor, QrFactor& other, Helpers* helpers);

private:
  void eliminate(QrFactor& factor, double* block, std::int64_t rows, bool triangular,
                 Helpers* helpers);

  std::vector<double> block_, reflectors_, work_;
};

}  // namespace rankme
