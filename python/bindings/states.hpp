// The states of accumulators as Python keeps them; the same for every module, so that a state goes
// from one to another.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "numpy_vectors.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/probe.hpp"
#include "rankme/qr.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// (n_rows, (exponent, seed, blocks, longest_block), (column sums, probe products, triangle))
template <class Accumulator>
py::tuple gram_state(const Accumulator& self) {
  std::int64_t n_rows = 0;
  std::vector<double> triangle;
  GramSum rest(1);
  {
    const Unlocked unlocked;
    rest = self.total(&n_rows);
    triangle = rest.packed();
    rest.gram = {};
  }
  return py::make_tuple(
      n_rows, py::make_tuple(rest.exponent, self.seed(), rest.blocks, rest.longest_block),
      py::make_tuple(to_numpy(std::move(rest.column_sums)),
                     to_numpy(std::move(rest.probe_products)), to_numpy(std::move(triangle))));
}

struct GramState {
  GramSum sum;
  std::uint64_t seed;
};

inline GramState gram_from_state(std::int64_t dim, const py::tuple& numbers,
                                 const Doubles& column_sums, const Doubles& probe_products,
                                 const Doubles& triangle) {
  const auto seed = numbers[1].cast<std::uint64_t>();
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
  return {std::move(sum), seed};
}

// (n_rows, (blocks,), (triangle,))
template <class Accumulator>
py::tuple qr_state(const Accumulator& self) {
  std::int64_t n_rows = 0;
  std::int64_t blocks = 0;
  std::vector<double> triangle;
  {
    const Unlocked unlocked;
    const QrFactor factor = self.total(&n_rows);
    blocks = factor.blocks;
    triangle = factor.packed();
  }
  return py::make_tuple(n_rows, py::make_tuple(blocks),
                        py::make_tuple(to_numpy(std::move(triangle))));
}

inline QrFactor qr_from_state(std::int64_t dim, const py::tuple& numbers, const Doubles& triangle) {
  const auto blocks = numbers[0].cast<std::int64_t>();
  if (triangle.size() != (dim + 1) * (dim + 2) / 2) {
    throw py::value_error("triangle has another size");
  }
  const Unlocked unlocked;
  QrFactor factor(dim, true);
  factor.blocks = blocks;
  factor.unpack(triangle.data());
  return factor;
}

// The whole Gram matrix of an accumulator.
template <class Accumulator>
py::array_t<double> dense_gram(const Accumulator& self) {
  std::vector<double> full;
  {
    const Unlocked unlocked;
    std::int64_t n_rows = 0;
    full = self.total(&n_rows).dense();
  }
  const auto dim = static_cast<py::ssize_t>(self.dim());
  return to_numpy(std::move(full), {dim, dim});
}

}  // namespace rankme::bindings
