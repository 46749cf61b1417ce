// A GramSum as the tuples that `state()` gives, and back.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "numpy_vectors.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/probe.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// What a state holds beside the number of rows; made without the GIL.
struct PackedSum {
  explicit PackedSum(const GramSum& sum)
      : exponent(sum.exponent),
        blocks(sum.blocks),
        longest_block(sum.longest_block),
        column_sums(sum.column_sums),
        probe_products(sum.probe_products),
        triangle(sum.packed()) {}

  // (exponent, seed, blocks, longest_block), (column sums, probe products, triangle)
  py::tuple numbers(std::uint64_t seed) const {
    return py::make_tuple(exponent, seed, blocks, longest_block);
  }
  py::tuple arrays() && {
    return py::make_tuple(to_numpy(std::move(column_sums)), to_numpy(std::move(probe_products)),
                          to_numpy(std::move(triangle)));
  }

  int exponent;
  std::int64_t blocks;
  std::int64_t longest_block;
  std::vector<double> column_sums, probe_products, triangle;
};

inline std::uint64_t seed_of(const py::tuple& numbers) { return numbers[1].cast<std::uint64_t>(); }

inline GramSum sum_of(std::int64_t dim, const py::tuple& numbers, const Doubles& column_sums,
                      const Doubles& probe_products, const Doubles& triangle) {
  std::vector<double> sums = to_vector(column_sums, dim, "column_sums");
  std::vector<double> products = to_vector(probe_products, dim * probe_count, "probe_products");
  if (triangle.size() != dim * (dim + 1) / 2) throw py::value_error("triangle has another size");
  const auto exponent = numbers[0].cast<int>();
  const auto blocks = numbers[2].cast<std::int64_t>();
  const auto longest_block = numbers[3].cast<std::int64_t>();

  const Unlocked unlocked;
  GramSum sum(dim);
  sum.exponent = exponent;
  sum.blocks = blocks;
  sum.longest_block = longest_block;
  sum.column_sums = std::move(sums);
  sum.probe_products = std::move(products);
  sum.unpack(triangle.data());
  return sum;
}

}  // namespace rankme::bindings
