#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>

#include "accumulator_kind.hpp"
#include "array_view.hpp"
#include "precision_name.hpp"
#include "rankme/gram.hpp"
#include "rankme/qr.hpp"
#include "rankme/spectrum.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

using unlock = py::call_guard<Unlocked>;

template <class Accumulator>
py::class_<Accumulator> register_cpu_kind(py::module_& m, const char* name) {
  const auto rows_of = [](const ArrayView& z, const Accumulator&) {
    require_cpu(z);
    return matrix_of(z);
  };
  const auto spectrum_of = [](const Accumulator& self, bool center, std::int64_t* n_rows) {
    return singular_values(self, center, n_rows);
  };
  return register_kind<Accumulator>(m, name, rows_of, spectrum_of);
}

std::unique_ptr<GramAccumulator> make_gram(CentredSum sum, std::int64_t, bool normalize,
                                           std::uint64_t seed, ShardRows shards,
                                           const std::string& precision) {
  return std::make_unique<GramAccumulator>(std::move(sum), normalize, seed, std::move(shards),
                                           precision_of(precision));
}

std::unique_ptr<QrAccumulator> make_qr(QrFactor factor, std::int64_t n_rows, bool normalize,
                                       ShardRows shards) {
  return std::make_unique<QrAccumulator>(std::move(factor), n_rows, normalize, std::move(shards));
}

}  // namespace

void register_accumulator(py::module_& m) {
  auto gram = register_cpu_kind<GramAccumulator>(m, "GramAccumulator");
  gram.def(py::init([](std::int64_t dim, bool normalize, std::uint64_t seed, bool probed,
                       const std::string& precision, double tolerance) {
             return std::make_unique<GramAccumulator>(dim, normalize, seed, probed,
                                                      precision_of(precision), tolerance);
           }),
           py::arg("dim"), py::arg("normalize"), py::arg("seed"), py::arg("probed") = true,
           py::arg("precision") = "float64", py::arg("tolerance") = usual_width, unlock())
      .def_property_readonly(
          "fast_rows",
          py::cpp_function([](const GramAccumulator& self) { return self.float_rows(); },
                           py::is_method(py::none()), unlock()));
  register_gram_state<std::string>(gram, &centred_sum_of, &make_gram,
                                   py::arg("precision") = "float64");

  auto qr = register_cpu_kind<QrAccumulator>(m, "QrAccumulator");
  qr.def(py::init([](std::int64_t dim, bool normalize) {
           return std::make_unique<QrAccumulator>(dim, normalize, Means::kept);
         }),
         py::arg("dim"), py::arg("normalize"), unlock());
  register_qr_state(qr, &make_qr);
}

}  // namespace rankme::bindings
