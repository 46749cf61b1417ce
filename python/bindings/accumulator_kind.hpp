// The accumulators of both modules as Python classes, with the same methods and the same states.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "array_view.hpp"
#include "rankme/values.hpp"
#include "spectrum_tuple.hpp"
#include "states.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// What all kinds have in common. rows_of(z, self): what update() takes, checked without a look at
// the entries. spectrum_of(self, center, &n_rows): the singular values.
//
// Every method that computes releases the GIL first and takes the accumulator's lock after, so
// that a thread waiting for the lock never holds the interpreter.
template <class Accumulator, class RowsOf, class SpectrumOf>
py::class_<Accumulator> register_kind(py::module_& m, const char* name, RowsOf rows_of,
                                      SpectrumOf spectrum_of) {
  using unlock = py::call_guard<Unlocked>;
  const auto update = [rows_of](Accumulator& self, const ArrayView& z,
                                const std::optional<std::string>& shard) {
    const auto rows = rows_of(z, self);
    const Unlocked unlocked;
    self.update(rows, shard ? &*shard : nullptr);
  };
  const auto spectrum = [spectrum_of](const Accumulator& self, bool center) {
    SingularValues values;
    std::int64_t n_rows = 0;
    {
      const Unlocked unlocked;
      values = spectrum_of(self, center, &n_rows);
    }
    return py::make_tuple(to_tuple(std::move(values)), n_rows);
  };
  return py::class_<Accumulator>(m, name)
      .def_property_readonly("dim", &Accumulator::dim)
      .def_property_readonly("normalize", &Accumulator::normalize)
      .def_property_readonly("n_rows",
                             py::cpp_function([](const Accumulator& self) { return self.n_rows(); },
                                              py::is_method(py::none()), unlock()))
      .def_property_readonly("shards", &shards_of<Accumulator>)
      .def("update", update, py::arg("z"), py::arg("shard") = py::none())
      .def("merge", &Accumulator::merge, py::arg("other"), unlock())
      .def("reset", &Accumulator::reset, unlock())
      .def("spectrum", spectrum, py::arg("center"));
}

// What the kinds that add up squares have beside that. load(dim, n_rows, numbers, arrays): the sum;
// make(sum, n_rows, normalize, seed, shards, place...): an accumulator. Place: what says where it
// is to live, named by `place`.
template <class... Place, class Accumulator, class Load, class Make, class... Names>
void register_gram_state(py::class_<Accumulator>& kind, Load load, Make make,
                         const Names&... place) {
  const auto from_state = [load, make](std::int64_t dim, bool normalize, std::int64_t n_rows,
                                       const py::tuple& numbers, const py::tuple& arrays,
                                       ShardRows shards, const Place&... where) {
    auto sum = load(dim, n_rows, numbers, arrays);
    const std::uint64_t seed = seed_of(numbers);
    const Unlocked unlocked;
    return make(std::move(sum), n_rows, normalize, seed, std::move(shards), where...);
  };
  kind.def_property_readonly("seed", &Accumulator::seed)
      .def("gram", &dense_gram<Accumulator>)
      .def("state", &gram_state<Accumulator>)
      .def_static("from_state", from_state, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("arrays"), py::arg("shards") = ShardRows(), place...);
}

// The same of those that keep a triangular factor: make(factor, n_rows, normalize, shards,
// place...).
template <class... Place, class Accumulator, class Make, class... Names>
void register_qr_state(py::class_<Accumulator>& kind, Make make, const Names&... place) {
  const auto load = [make](std::int64_t dim, bool normalize, std::int64_t n_rows,
                           const py::tuple& numbers, const py::tuple& arrays, ShardRows shards,
                           const Place&... where) {
    QrFactor factor = qr_from_state(dim, numbers, arrays);
    const Unlocked unlocked;
    return make(std::move(factor), n_rows, normalize, std::move(shards), where...);
  };
  kind.def("state", &qr_state<Accumulator>)
      .def_static("from_state", load, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("arrays"), py::arg("shards") = ShardRows(), place...);
}

}  // namespace rankme::bindings
