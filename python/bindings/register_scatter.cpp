#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "gram_state.hpp"
#include "numpy_vectors.hpp"
#include "rankme/centred_sum.hpp"
#include "rankme/probe.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"
#include "rankme/triangle.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

// The arrays of a scatter as those of CentredSum::move_to. The triangle is written over, so that
// there is never a second one.
py::tuple scatter_about(std::int64_t dim, std::int64_t n_rows, const py::tuple& numbers,
                        const py::tuple& arrays, int exponent, const Doubles& origin,
                        const Doubles& offset, const Doubles& offset_low) {
  CentredSum sum = scatter_of(dim, n_rows, numbers, arrays);
  const std::vector<double> to = to_vector(origin, dim, "origin");
  const Offset point{to_vector(offset, dim, "offset"), to_vector(offset_low, dim, "offset_low")};
  auto triangle = triangle_of(arrays, dim);
  double* packed = triangle.mutable_data();
  const std::uint64_t seed = seed_of(numbers);
  {
    const Unlocked unlocked;
    sum.move_to(exponent, to, point, gaussian_probes(dim, seed).data(), num_threads());
    pack_triangle(sum.scatter, dim, packed);
  }
  py::list all;
  for (std::vector<double>& array : without_triangle(sum)) all.append(to_numpy(std::move(array)));
  all.append(triangle);
  return py::tuple(all);
}

// (values, n_rows) of the first columns of the rows of a state
py::tuple leading_spectrum(std::int64_t dim, std::int64_t n_rows, const py::tuple& numbers,
                           const py::tuple& arrays, std::int64_t columns, bool center) {
  CentredSum sum = centred_sum_of(dim, n_rows, numbers, arrays);
  const std::uint64_t seed = seed_of(numbers);
  SingularValues values;
  {
    const Unlocked unlocked;
    values = leading_singular_values(std::move(sum), gaussian_probes(dim, seed), columns, center);
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

}  // namespace

void register_scatter(py::module_& m) {
  m.def("scatter_about", &scatter_about, py::arg("dim"), py::arg("n_rows"), py::arg("numbers"),
        py::arg("arrays"), py::arg("exponent"), py::arg("origin"), py::arg("offset"),
        py::arg("offset_low"));
  m.def("leading_spectrum", &leading_spectrum, py::arg("dim"), py::arg("n_rows"),
        py::arg("numbers"), py::arg("arrays"), py::arg("columns"), py::arg("center"));
}

}  // namespace rankme::bindings
