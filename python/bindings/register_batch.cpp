#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "matrix_list.hpp"
#include "method_name.hpp"
#include "numpy_vectors.hpp"
#include "rankme/batch.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

// (scaled, low, high, offsets, exponents), flat, one matrix after the other
py::tuple spectrum_batch(const py::object& zs, bool center, bool normalize,
                         const std::string& method) {
  const MatrixList batch = matrices_of(zs);
  const Method by = method_of(method);
  BatchSpectra spectra;
  {
    const Unlocked unlocked;
    spectra = singular_values(batch.views, center, normalize, by);
  }
  return py::make_tuple(to_numpy(std::move(spectra.scaled)), to_numpy(std::move(spectra.low)),
                        to_numpy(std::move(spectra.high)), to_numpy(std::move(spectra.offsets)),
                        to_numpy(std::move(spectra.exponents)));
}

template <class T>
using Values = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> span_of(const Values<T>& values) {
  return {values.data(), static_cast<std::size_t>(values.size())};
}

py::tuple rankme_batch(const Values<double>& scaled, const Values<double>& low,
                       const Values<double>& high, const Values<std::int64_t>& offsets, double eps,
                       double tolerance) {
  BatchScores result;
  {
    const Unlocked unlocked;
    result = rankme(span_of(scaled), span_of(low), span_of(high), span_of(offsets), eps, tolerance);
  }
  return py::make_tuple(to_numpy(std::move(result.scores)), to_numpy(std::move(result.uncertain)));
}

py::tuple rankme_bounds_batch(const Values<double>& low, const Values<double>& high,
                              const Values<std::int64_t>& offsets, double eps) {
  BatchIntervals result;
  {
    const Unlocked unlocked;
    result = rankme_bounds(span_of(low), span_of(high), span_of(offsets), eps);
  }
  return py::make_tuple(to_numpy(std::move(result.low)), to_numpy(std::move(result.high)));
}

}  // namespace

void register_batch(py::module_& m) {
  m.def("spectrum_batch", &spectrum_batch, py::arg("zs"), py::arg("center"), py::arg("normalize"),
        py::arg("method"));
  m.def("rankme_batch", &rankme_batch, py::arg("scaled").noconvert(), py::arg("low").noconvert(),
        py::arg("high").noconvert(), py::arg("offsets").noconvert(), py::arg("eps"),
        py::arg("tolerance"));
  m.def("rankme_bounds_batch", &rankme_bounds_batch, py::arg("low").noconvert(),
        py::arg("high").noconvert(), py::arg("offsets").noconvert(), py::arg("eps"));
}

}  // namespace rankme::bindings
