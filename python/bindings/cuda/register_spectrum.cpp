#include <pybind11/pybind11.h>

#include <string>
#include <utility>

#include "../method_name.hpp"
#include "../spectrum_tuple.hpp"
#include "../unlocked.hpp"
#include "rankme/cuda/spectrum.hpp"
#include "register.hpp"
#include "source.hpp"

namespace rankme::bindings::cuda {

void register_spectrum(py::module_& m) {
  m.def(
      "spectrum",
      [](const ArrayView& z, bool center, bool normalize, const std::string& method,
         const std::string& precision, int device) {
        const Method by = method_of(method);
        const Precision arithmetic = precision_of(precision);
        SingularValues values;
        {
          // The argument keeps the array alive, and a view never changes.
          const Unlocked unlocked;
          values = rankme::cuda::singular_values(source_of(z, device), center, normalize, by,
                                                 arithmetic, device);
        }
        return to_tuple(std::move(values));
      },
      py::arg("z"), py::arg("center"), py::arg("normalize"), py::arg("method"),
      py::arg("precision"), py::arg("device"));
}

}  // namespace rankme::bindings::cuda
