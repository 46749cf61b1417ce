#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>

#include "../accumulator_kind.hpp"
#include "../unlocked.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/qr.hpp"
#include "register.hpp"
#include "source.hpp"

namespace rankme::bindings::cuda {

namespace {

using rankme::cuda::GramAccumulator;
using rankme::cuda::QrAccumulator;
using unlock = py::call_guard<Unlocked>;

template <class Accumulator>
py::class_<Accumulator> register_cuda_kind(py::module_& m, const char* name) {
  const auto rows_of = [](const ArrayView& z, const Accumulator& self) {
    return source_of(z, self.device());
  };
  const auto spectrum_of = [](const Accumulator& self, bool center, std::int64_t* n_rows) {
    return self.spectrum(center, n_rows);
  };
  return register_kind<Accumulator>(m, name, rows_of, spectrum_of)
      .def_property_readonly("device", &Accumulator::device);
}

std::unique_ptr<GramAccumulator> make_gram(const GramSum& sum, std::int64_t n_rows, bool normalize,
                                           std::uint64_t seed, ShardRows shards, int device,
                                           const std::string& precision) {
  return std::make_unique<GramAccumulator>(sum, n_rows, normalize, seed, device,
                                           precision_of(precision), std::move(shards));
}

std::unique_ptr<QrAccumulator> make_qr(QrFactor factor, std::int64_t n_rows, bool normalize,
                                       ShardRows shards, int device) {
  return std::make_unique<QrAccumulator>(std::move(factor), n_rows, normalize, device,
                                         std::move(shards));
}

}  // namespace

void register_accumulator(py::module_& m) {
  auto gram = register_cuda_kind<GramAccumulator>(m, "GramAccumulator");
  gram.def(py::init([](std::int64_t dim, bool normalize, std::uint64_t seed, int device,
                       const std::string& precision) {
             return std::make_unique<GramAccumulator>(dim, normalize, seed, device,
                                                      precision_of(precision));
           }),
           py::arg("dim"), py::arg("normalize"), py::arg("seed"), py::arg("device"),
           py::arg("precision"), unlock())
      .def_property_readonly(
          "fast_rows",
          py::cpp_function([](const GramAccumulator& self) { return self.fast_rows(); },
                           py::is_method(py::none()), unlock()))
      .def("set_products", &GramAccumulator::set_products, py::arg("tile"), py::arg("splits"),
           py::arg("block_bytes"), unlock());
  register_gram_state<int, std::string>(gram, &gram_sum_of, &make_gram, py::arg("device"),
                                        py::arg("precision"));

  auto qr = register_cuda_kind<QrAccumulator>(m, "QrAccumulator");
  qr.def(py::init([](std::int64_t dim, bool normalize, int device) {
           return std::make_unique<QrAccumulator>(dim, normalize, Means::kept, device);
         }),
         py::arg("dim"), py::arg("normalize"), py::arg("device"), unlock());
  register_qr_state<int>(qr, &make_qr, py::arg("device"));
}

}  // namespace rankme::bindings::cuda
