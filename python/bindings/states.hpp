// The states of accumulators as Python keeps them; the same for every module, so that a state goes
// from one to another.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gram_state.hpp"
#include "numpy_vectors.hpp"
#include "rankme/ledger.hpp"
#include "rankme/qr_factor.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// Ids are bytes on this side: names of files need not be text.
inline py::dict table_of(const ShardRows& shards) {
  py::dict table;
  for (const auto& [shard, rows] : shards) table[py::bytes(shard)] = rows;
  return table;
}

template <class Accumulator>
py::dict shards_of(const Accumulator& self) {
  ShardRows shards;
  {
    const Unlocked unlocked;
    shards = self.shards();
  }
  return table_of(shards);
}

// (n_rows, numbers, arrays, shards), the middle two as PackedSum has them
template <class Accumulator>
py::tuple gram_state(const Accumulator& self) {
  std::int64_t n_rows = 0;
  ShardRows shards;
  std::optional<PackedSum> packed;
  {
    const Unlocked unlocked;
    if constexpr (requires { self.sum_to_keep(&n_rows, &shards); }) {
      packed.emplace(self.sum_to_keep(&n_rows, &shards));
    } else {
      packed.emplace(self.total(&n_rows, &shards));
    }
  }
  return py::make_tuple(n_rows, packed->numbers(self.seed()), std::move(*packed).arrays(),
                        table_of(shards));
}

// (n_rows, (blocks,), (origin, norm beside the factor's, triangle), shards)
template <class Accumulator>
py::tuple qr_state(const Accumulator& self) {
  std::int64_t n_rows = 0;
  std::int64_t blocks = 0;
  ShardRows shards;
  std::vector<double> triangle;
  std::vector<double> origin;
  std::vector<double> beside;
  {
    const Unlocked unlocked;
    QrFactor factor = self.total(&n_rows, &shards);
    blocks = factor.blocks;
    triangle = factor.packed();
    origin = std::move(factor.origin);
    beside = {factor.beside};
  }
  return py::make_tuple(n_rows, py::make_tuple(blocks),
                        py::make_tuple(to_numpy(std::move(origin)), to_numpy(std::move(beside)),
                                       to_numpy(std::move(triangle))),
                        table_of(shards));
}

inline QrFactor qr_from_state(std::int64_t dim, const py::tuple& numbers, const py::tuple& arrays) {
  std::vector<double> origin = to_vector(arrays[0].cast<Doubles>(), dim, "origin");
  const double beside = to_vector(arrays[1].cast<Doubles>(), 1, "beside")[0];
  const auto triangle = arrays[2].cast<Doubles>();
  const auto blocks = numbers[0].cast<std::int64_t>();
  if (triangle.size() != (dim + 1) * (dim + 2) / 2) {
    throw py::value_error("triangle has another size");
  }
  const Unlocked unlocked;
  QrFactor factor(dim, true);
  factor.blocks = blocks;
  factor.beside = beside;
  factor.origin = std::move(origin);
  factor.unpack(triangle.data());
  return factor;
}

inline GramSum as_gram_sum(GramSum sum) { return sum; }
inline GramSum as_gram_sum(CentredSum sum) { return std::move(sum).uncentred(nullptr); }

// The whole Gram matrix of an accumulator.
template <class Accumulator>
py::array_t<double> dense_gram(const Accumulator& self) {
  std::vector<double> full;
  {
    const Unlocked unlocked;
    std::int64_t n_rows = 0;
    full = as_gram_sum(self.total(&n_rows)).dense();
  }
  const auto dim = static_cast<py::ssize_t>(self.dim());
  return to_numpy(std::move(full), {dim, dim});
}

}  // namespace rankme::bindings
