// Rows times themselves, by the kernels of every kind of processor that this one can be.
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "helpers.hpp"
#include "oracle.hpp"
#include "product_kernels.hpp"
#include "rankme/packed_rows.hpp"

namespace {

using oracle::Matrix;
using rankme::Block;
using rankme::Helpers;
using rankme::Layout;
using rankme::PackedRows;
using rankme::Panels;
using rankme::ProductKernels;

constexpr double before = 3;    // in every entry of the result
constexpr double guard = -1e9;  // behind it
constexpr std::int64_t guards = 64;

// Sums of whole numbers are exact, in whatever order.
Matrix whole_numbers(std::int64_t rows, std::int64_t cols) {
  Matrix z(rows, cols);
  for (std::size_t i = 0; i < z.entries.size(); ++i) {
    z.entries[i] = static_cast<double>((i * 7919) % 23) - 11;
  }
  return z;
}

std::vector<double> empty_gram(std::int64_t dim) {
  std::vector<double> gram(static_cast<std::size_t>(dim * dim), before);
  gram.resize(gram.size() + guards, guard);
  return gram;
}

void check_gram(const std::vector<double>& gram, const Matrix& z) {
  bool equal = true;
  for (std::int64_t i = 0; i < z.cols; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      double wanted = before;
      for (std::int64_t r = 0; r < z.rows; ++r) wanted += z(r, i) * z(r, j);
      equal = equal && gram[static_cast<std::size_t>(i * z.cols + j)] == wanted;
    }
  }
  CHECK(equal);
  CHECK(std::all_of(gram.end() - guards, gram.end(), [](double x) { return x == guard; }));
}

void every_kernel_is_exact_on_whole_numbers() {
  for (const auto& [name, table] : rankme::kinds_of_product_kernels()) {
    const ProductKernels& kernels = *table;
    for (const std::int64_t dim : {1, 2, 3, 7, 8, 9, 16, 23, 24, 25, 31, 47, 100}) {
      for (const std::int64_t rows : {1, 2, 33}) {
        const Matrix z = whole_numbers(rows, dim);
        const Matrix t = oracle::transpose(z);
        const std::int64_t panels = (dim + kernels.width - 1) / kernels.width;
        const std::int64_t step = (rows + 2) * kernels.width;
        for (const bool by_rows : {true, false}) {
          std::vector<double> memory(static_cast<std::size_t>(panels * step), guard);
          const Panels packed{memory.data(), rows, step};
          if (by_rows) {
            kernels.pack_rows(z.entries.data(), dim, 0, panels, packed);
          } else {
            kernels.pack_columns(t.entries.data(), rows, dim, 0, panels, packed);
          }
          std::vector<double> gram = empty_gram(dim);
          for (std::int64_t j = 0; j < panels; j += kernels.across) {
            // In two parts, as squares of the matrix are.
            const std::int64_t end = std::min(panels, j + kernels.across);
            kernels.add_tiles(packed, 0, panels / 2, j, end, gram.data(), dim);
            kernels.add_tiles(packed, panels / 2, panels, j, end, gram.data(), dim);
          }
          check_gram(gram, z);
        }
      }
    }
  }
}

void helpers_and_pieces_of_rows_change_nothing() {
  for (const std::int64_t dim : {5, 192, 193, 500}) {
    const Matrix z = whole_numbers(150, dim);
    Matrix t = oracle::transpose(z);
    Matrix rows = z;
    const Matrix random = oracle::random_matrix(150, dim, 5);
    std::vector<double> first;
    for (const int threads : {1, 2, 3}) {
      Helpers helpers(threads);
      for (const std::int64_t room : {150, 151, 64, 1}) {
        PackedRows packed;
        packed.reserve(room, dim);
        std::vector<double> gram = empty_gram(dim);
        packed.add_gram_of({rows.entries.data(), z.rows, dim, Layout::row_major}, gram, &helpers);
        check_gram(gram, z);
        gram = empty_gram(dim);
        packed.add_gram_of({t.entries.data(), z.rows, dim, Layout::column_major}, gram,
                           threads == 1 ? nullptr : &helpers);
        check_gram(gram, z);
      }
      // Of other numbers too, who helps does not change a bit.
      PackedRows packed;
      packed.reserve(150, dim);
      Matrix copy = random;
      std::vector<double> gram = empty_gram(dim);
      packed.add_gram_of({copy.entries.data(), 150, dim, Layout::row_major}, gram, &helpers);
      if (first.empty()) first = gram;
      CHECK(gram == first);
    }
  }
}

// No more than a rounding a row, relative to the products' magnitudes.
void rounding_is_that_of_a_sum() {
  Matrix z = oracle::random_matrix(192, 60, 6);
  for (std::int64_t i = 0; i < z.rows; ++i) {
    for (std::int64_t j = 0; j < z.cols; ++j) z(i, j) *= std::pow(10.0, j % 7);
  }
  PackedRows packed;
  packed.reserve(192, 60);
  std::vector<double> gram(60 * 60);
  packed.add_gram_of({z.entries.data(), 192, 60, Layout::row_major}, gram, nullptr);
  for (std::int64_t i = 0; i < 60; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      long double wanted = 0, size = 0;
      for (std::int64_t r = 0; r < 192; ++r) {
        const long double product = static_cast<long double>(z(r, i)) * z(r, j);
        wanted += product;
        size += std::fabs(product);
      }
      const double found = gram[static_cast<std::size_t>(i * 60 + j)];
      CHECK(std::fabs(found - wanted) <= 193 * 0x1p-53L * size);
    }
  }
}

}  // namespace

int main() {
  every_kernel_is_exact_on_whole_numbers();
  helpers_and_pieces_of_rows_change_nothing();
  rounding_is_that_of_a_sum();
  return check::finish("packed_rows");
}
