#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gram_state.hpp"
#include "matrix_list.hpp"
#include "precision_name.hpp"
#include "rankme/layers.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

using unlock = py::call_guard<Unlocked>;

void update(LayerAccumulator& self, const py::object& zs) {
  const MatrixList layers = matrices_of(zs);
  const Unlocked unlocked;
  self.update(layers.views);
}

// Of stacks that grow together; stack_of has a number for each layer.
void update_all(const std::vector<LayerAccumulator*>& stacks,
                const std::vector<std::size_t>& stack_of, const py::object& zs) {
  const MatrixList layers = matrices_of(zs);
  const Unlocked unlocked;
  LayerAccumulator::update_all(stacks, stack_of, layers.views);
}

py::tuple spectrum(const LayerAccumulator& self, std::int64_t layer, bool center) {
  SingularValues values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    values = self.spectrum(layer, center, &n_rows);
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

py::tuple spectra(const LayerAccumulator& self, bool center) {
  std::vector<SingularValues> values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    values = self.spectra(center, &n_rows);
  }
  py::list layers;
  for (SingularValues& layer : values) layers.append(to_tuple(std::move(layer)));
  return py::make_tuple(layers, n_rows);
}

py::tuple state(const LayerAccumulator& self, std::int64_t layer) {
  std::int64_t n_rows = 0;
  std::optional<PackedSum> packed;
  {
    const Unlocked unlocked;
    packed.emplace(self.sum_to_keep(layer, &n_rows));
  }
  return py::make_tuple(n_rows, packed->numbers(self.seed()), std::move(*packed).arrays());
}

// Of all layers at one instant: half of what the stack takes, since triangles are packed.
py::list states(const LayerAccumulator& self) {
  std::int64_t n_rows = 0;
  std::vector<PackedSum> packed;
  {
    const Unlocked unlocked;
    self.for_each_to_keep(&n_rows, [&](const CentredSum& sum) { packed.emplace_back(sum); });
  }
  py::list layers;
  for (PackedSum& sum : packed) {
    layers.append(py::make_tuple(n_rows, sum.numbers(self.seed()), std::move(sum).arrays()));
  }
  return layers;
}

std::unique_ptr<LayerAccumulator> from_states(std::int64_t dim, bool normalize,
                                              const py::list& states,
                                              const std::string& precision) {
  const Precision by = precision_of(precision);
  std::vector<CentredSum> sums;
  std::int64_t n_rows = 0;
  std::uint64_t seed = 0;
  for (const py::handle item : states) {
    const auto state = py::cast<py::tuple>(item);
    const auto numbers = state[1].cast<py::tuple>();
    const auto arrays = state[2].cast<py::tuple>();
    n_rows = state[0].cast<std::int64_t>();
    seed = seed_of(numbers);
    sums.push_back(centred_sum_of(dim, n_rows, numbers, arrays));
  }
  if (sums.empty()) throw py::value_error("a stack needs at least one layer");
  const Unlocked unlocked;
  return std::make_unique<LayerAccumulator>(std::move(sums), n_rows, normalize, seed, by);
}

}  // namespace

void register_layers(py::module_& m) {
  m.def("update_stacks", &update_all, py::arg("stacks"), py::arg("stack_of"), py::arg("zs"));
  py::class_<LayerAccumulator>(m, "LayerAccumulator")
      .def(py::init([](std::int64_t n_layers, std::int64_t dim, bool normalize, std::uint64_t seed,
                       const std::string& precision) {
             return std::make_unique<LayerAccumulator>(n_layers, dim, normalize, seed,
                                                       precision_of(precision));
           }),
           py::arg("n_layers"), py::arg("dim"), py::arg("normalize"), py::arg("seed"),
           py::arg("precision") = "float64", unlock())
      .def_property_readonly(
          "fast_rows",
          py::cpp_function([](const LayerAccumulator& self) { return self.float_rows(); },
                           py::is_method(py::none()), unlock()))
      .def_static("from_states", &from_states, py::arg("dim"), py::arg("normalize"),
                  py::arg("states"), py::arg("precision") = "float64")
      .def_property_readonly("n_layers", &LayerAccumulator::n_layers)
      .def_property_readonly("dim", &LayerAccumulator::dim)
      .def_property_readonly("normalize", &LayerAccumulator::normalize)
      .def_property_readonly("seed", &LayerAccumulator::seed)
      .def_property_readonly("n_rows", py::cpp_function(&LayerAccumulator::n_rows,
                                                        py::is_method(py::none()), unlock()))
      .def("update", &update, py::arg("zs"))
      .def("merge", &LayerAccumulator::merge, py::arg("other"), unlock())
      .def("reset", &LayerAccumulator::reset, unlock())
      .def("spectrum", &spectrum, py::arg("layer"), py::arg("center"))
      .def("spectra", &spectra, py::arg("center"))
      .def("state", &state, py::arg("layer"))
      .def("states", &states);
}

}  // namespace rankme::bindings
