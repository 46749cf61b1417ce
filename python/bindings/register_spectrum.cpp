#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "array_view.hpp"
#include "method_name.hpp"
#include "numpy_vectors.hpp"
#include "rankme/bounds.hpp"
#include "rankme/entropy.hpp"
#include "rankme/spectrum.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

std::span<const double> span_of(const Doubles& values) {
  return {values.data(), static_cast<std::size_t>(values.size())};
}

py::tuple bounds_of_box(const Doubles& low, const Doubles& high, double eps) {
  const Interval bounds = rankme_bounds(span_of(low), span_of(high), eps);
  return py::make_tuple(bounds.low, bounds.high);
}

// (values, rows that were multiplied in float32)
py::tuple fast_spectrum(const ArrayView& z, bool center, bool normalize, double tolerance) {
  require_cpu(z);
  const MatrixView view = matrix_of(z);
  SingularValues values;
  std::int64_t float_rows = 0;
  {
    const Unlocked unlocked;
    values = fast_singular_values(view, center, normalize, tolerance, &float_rows);
  }
  return py::make_tuple(to_tuple(std::move(values)), float_rows);
}

}  // namespace

void register_spectrum(py::module_& m) {
  m.def(
      "spectrum",
      [](const ArrayView& z, bool center, bool normalize, const std::string& method) {
        require_cpu(z);
        const MatrixView view = matrix_of(z);
        const Method by = method_of(method);
        SingularValues values;
        {
          const Unlocked unlocked;
          values = singular_values(view, center, normalize, by);
        }
        return to_tuple(std::move(values));
      },
      py::arg("z"), py::arg("center"), py::arg("normalize"), py::arg("method"));

  m.def("fast_spectrum", &fast_spectrum, py::arg("z"), py::arg("center"), py::arg("normalize"),
        py::arg("tolerance"));

  m.def(
      "rankme", [](const Doubles& sigma, double eps) { return rankme(span_of(sigma), eps); },
      py::arg("singular_values").noconvert(), py::arg("eps"));

  m.def("rankme_bounds", &bounds_of_box, py::arg("low").noconvert(), py::arg("high").noconvert(),
        py::arg("eps"));

  m.def(
      "spectrum_bounds",
      [](const Doubles& scaled, const Doubles& low, const Doubles& high,
         const UncertaintyTuple& uncertainty, double eps) {
        Interval bounds{};
        {
          // The arguments keep the arrays alive, and nobody writes to them.
          const Unlocked unlocked;
          bounds = rankme_bounds(span_of(scaled), span_of(low), span_of(high),
                                 uncertainty_of(uncertainty), eps);
        }
        return py::make_tuple(bounds.low, bounds.high);
      },
      py::arg("scaled").noconvert(), py::arg("low").noconvert(), py::arg("high").noconvert(),
      py::arg("uncertainty"), py::arg("eps"));
}

}  // namespace rankme::bindings
