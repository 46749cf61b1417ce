#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "array_view.hpp"
#include "rankme/gram.hpp"
#include "rankme/qr.hpp"
#include "rankme/spectrum.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "states.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

using unlock = py::call_guard<Unlocked>;

// Every method that computes releases the GIL first and takes the accumulator's lock after, so
// that a thread waiting for the lock never holds the interpreter.
template <class Accumulator>
void update(Accumulator& self, const ArrayView& z, const std::optional<std::string>& shard) {
  require_cpu(z);
  const MatrixView view = matrix_of(z);
  const Unlocked unlocked;
  self.update(view, shard ? &*shard : nullptr);
}

template <class Accumulator>
py::tuple spectrum(const Accumulator& self, bool center) {
  SingularValues values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    values = singular_values(self, center, &n_rows);
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

// What both kinds have in common.
template <class Accumulator>
py::class_<Accumulator> register_kind(py::module_& m, const char* name) {
  return py::class_<Accumulator>(m, name)
      .def_property_readonly("dim", &Accumulator::dim)
      .def_property_readonly("normalize", &Accumulator::normalize)
      .def_property_readonly("n_rows",
                             py::cpp_function([](const Accumulator& self) { return self.n_rows(); },
                                              py::is_method(py::none()), unlock()))
      .def_property_readonly("shards", &shards_of<Accumulator>)
      .def("update", &update<Accumulator>, py::arg("z"), py::arg("shard") = py::none())
      .def("merge", &Accumulator::merge, py::arg("other"), unlock())
      .def("reset", &Accumulator::reset, unlock())
      .def("spectrum", &spectrum<Accumulator>, py::arg("center"));
}

std::unique_ptr<GramAccumulator> load_gram(std::int64_t dim, bool normalize, std::int64_t n_rows,
                                           const py::tuple& numbers, const Doubles& column_sums,
                                           const Doubles& probe_products, const Doubles& triangle,
                                           ShardRows shards) {
  GramSum sum = sum_of(dim, numbers, column_sums, probe_products, triangle);
  const std::uint64_t seed = seed_of(numbers);
  const Unlocked unlocked;
  return std::make_unique<GramAccumulator>(std::move(sum), n_rows, normalize, seed,
                                           std::move(shards));
}

std::unique_ptr<QrAccumulator> load_qr(std::int64_t dim, bool normalize, std::int64_t n_rows,
                                       const py::tuple& numbers, const Doubles& triangle,
                                       ShardRows shards) {
  QrFactor factor = qr_from_state(dim, numbers, triangle);
  const Unlocked unlocked;
  return std::make_unique<QrAccumulator>(std::move(factor), n_rows, normalize, std::move(shards));
}

}  // namespace

void register_accumulator(py::module_& m) {
  register_kind<GramAccumulator>(m, "GramAccumulator")
      .def(py::init<std::int64_t, bool, std::uint64_t, bool>(), py::arg("dim"),
           py::arg("normalize"), py::arg("seed"), py::arg("probed") = true, unlock())
      .def_property_readonly("seed", &GramAccumulator::seed)
      .def("gram", &dense_gram<GramAccumulator>)
      .def("state", &gram_state<GramAccumulator>)
      .def_static("from_state", &load_gram, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("column_sums").noconvert(),
                  py::arg("probe_products").noconvert(), py::arg("triangle").noconvert(),
                  py::arg("shards") = ShardRows());
  register_kind<QrAccumulator>(m, "QrAccumulator")
      .def(py::init([](std::int64_t dim, bool normalize) {
             return std::make_unique<QrAccumulator>(dim, normalize, Means::kept);
           }),
           py::arg("dim"), py::arg("normalize"), unlock())
      .def("state", &qr_state<QrAccumulator>)
      .def_static("from_state", &load_qr, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("triangle").noconvert(),
                  py::arg("shards") = ShardRows());
}

}  // namespace rankme::bindings
