// Sums of squares as the tuples that `state()` gives, and back. There are two kinds: a scatter
// about the mean, which the processor keeps, and Z^T Z with column sums, which a GPU keeps and
// saved files of formats 1 and 2 hold. Each is taken for the other.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "numpy_vectors.hpp"
#include "rankme/centred_sum.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/probe.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// The arrays of a scatter but for the last.
inline std::vector<std::vector<double>> without_triangle(const CentredSum& sum) {
  return {sum.origin,
          sum.offset.high,
          sum.offset.low,
          sum.probe_products,
          sum.probe_products_low,
          sum.mean_products,
          {sum.mean_residual, sum.unseen, sum.cancelled, sum.squares.high, sum.squares.low}};
}

// What a state holds beside the number of rows; made without the GIL.
struct PackedSum {
  explicit PackedSum(const GramSum& sum)
      : exponent(sum.exponent),
        blocks(sum.blocks),
        longest_block(sum.longest_block),
        arrays_{sum.column_sums, sum.probe_products} {
    arrays_.push_back(sum.packed());
    for (std::size_t i = 0; i < sum.probe_products_low.size(); ++i) {
      arrays_[1][i] += sum.probe_products_low[i];
    }
  }
  explicit PackedSum(const CentredSum& sum) : PackedSum(sum, sum.packed()) {}
  // In the memory of the sum.
  explicit PackedSum(CentredSum&& sum) : PackedSum(sum, std::move(sum).packed()) {}

  // (exponent, seed, blocks, longest_block), and the rows that were multiplied in float32 if there
  // are any
  py::tuple numbers(std::uint64_t seed) const {
    if (float_rows > 0) {
      return py::make_tuple(exponent, seed, blocks, longest_block, float_rows);
    }
    return py::make_tuple(exponent, seed, blocks, longest_block);
  }
  // Of Z^T Z (column sums, probe products, triangle). Of a scatter (origin, the mean less the
  // origin in two parts, probe products in two parts, products of the mean, its residual with the
  // unseen error, what has cancelled and the squares in two parts, triangle).
  py::tuple arrays() && {
    py::tuple all(arrays_.size());
    for (std::size_t i = 0; i < arrays_.size(); ++i) all[i] = to_numpy(std::move(arrays_[i]));
    return all;
  }

  int exponent;
  std::int64_t blocks;
  std::int64_t longest_block;
  std::int64_t float_rows = 0;

private:
  PackedSum(const CentredSum& sum, std::vector<double> triangle)
      : exponent(sum.exponent),
        blocks(sum.blocks),
        longest_block(sum.longest_block),
        float_rows(sum.float_rows),
        arrays_(without_triangle(sum)) {
    arrays_.push_back(std::move(triangle));  // a list of them would copy it
  }

  std::vector<std::vector<double>> arrays_;
};

inline std::uint64_t seed_of(const py::tuple& numbers) { return numbers[1].cast<std::uint64_t>(); }

// The numbers of a state into a sum of either kind.
template <class Sum>
void set_numbers(Sum& sum, const py::tuple& numbers) {
  sum.exponent = numbers[0].cast<int>();
  sum.blocks = numbers[2].cast<std::int64_t>();
  sum.longest_block = numbers[3].cast<std::int64_t>();
}

inline Doubles triangle_of(const py::tuple& arrays, std::int64_t dim) {
  const auto triangle = arrays[arrays.size() - 1].cast<Doubles>();
  if (triangle.size() != dim * (dim + 1) / 2) throw py::value_error("triangle has another size");
  return triangle;
}

inline bool is_scatter(const py::tuple& arrays) {
  if (arrays.size() != 3 && arrays.size() != 8) {
    throw py::value_error("a state has 3 arrays or 8, not " + std::to_string(arrays.size()));
  }
  return arrays.size() == 8;
}

inline GramSum gram_of(std::int64_t dim, const py::tuple& numbers, const py::tuple& arrays) {
  const Doubles triangle = triangle_of(arrays, dim);
  GramSum sum(dim);
  set_numbers(sum, numbers);
  sum.column_sums = to_vector(arrays[0].cast<Doubles>(), dim, "column_sums");
  sum.probe_products = to_vector(arrays[1].cast<Doubles>(), dim * probe_count, "probe_products");
  const Unlocked unlocked;
  sum.unpack(triangle.data());
  return sum;
}

inline CentredSum scatter_of(std::int64_t dim, std::int64_t n_rows, const py::tuple& numbers,
                             const py::tuple& arrays, Storage storage = Storage::square) {
  const Doubles triangle = triangle_of(arrays, dim);
  CentredSum sum(dim, storage);
  set_numbers(sum, numbers);
  sum.rows = n_rows;
  if (numbers.size() > 4) sum.float_rows = numbers[4].cast<std::int64_t>();
  const auto read = [&](std::size_t i, std::int64_t size, const char* name) {
    return to_vector(arrays[i].cast<Doubles>(), size, name);
  };
  sum.origin = read(0, dim, "origin");
  sum.offset = {read(1, dim, "offset"), read(2, dim, "offset_low")};
  sum.probe_products = read(3, dim * probe_count, "probe_products");
  sum.probe_products_low = read(4, dim * probe_count, "probe_products_low");
  sum.mean_products = read(5, probe_count, "mean_products");
  const std::vector<double> errors = read(6, 5, "errors");
  sum.mean_residual = errors[0];
  sum.unseen = errors[1];
  sum.cancelled = errors[2];
  sum.squares = {errors[3], errors[4]};
  const Unlocked unlocked;
  sum.unpack(triangle.data());
  return sum;
}

// Either kind as the one that is wanted.
inline CentredSum centred_sum_of(std::int64_t dim, std::int64_t n_rows, const py::tuple& numbers,
                                 const py::tuple& arrays) {
  if (is_scatter(arrays)) return scatter_of(dim, n_rows, numbers, arrays);
  GramSum sum = gram_of(dim, numbers, arrays);
  const std::uint64_t seed = seed_of(numbers);  // while Python may be asked
  const Unlocked unlocked;
  return CentredSum::from_uncentred(std::move(sum), n_rows, gaussian_probes(dim, seed).data());
}
inline GramSum gram_sum_of(std::int64_t dim, std::int64_t n_rows, const py::tuple& numbers,
                           const py::tuple& arrays) {
  if (!is_scatter(arrays)) return gram_of(dim, numbers, arrays);
  if (numbers.size() > 4) {
    throw py::value_error(
        "sums of precision='fast' stay on the processor: what bounds their rounding does not go to "
        "a GPU; merge there, or take the rows in on the GPU");
  }
  CentredSum sum = scatter_of(dim, n_rows, numbers, arrays);
  const std::uint64_t seed = seed_of(numbers);
  const Unlocked unlocked;
  return std::move(sum).uncentred(gaussian_probes(dim, seed).data());
}

}  // namespace rankme::bindings
