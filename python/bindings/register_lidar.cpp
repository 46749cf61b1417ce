#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "array_view.hpp"
#include "numpy_vectors.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/lidar.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

// (matrix, exponent)
py::tuple scatter_tuple(CentredSum sum) {
  const auto dim = static_cast<py::ssize_t>(sum.dim);
  const int exponent = sum.exponent;
  std::vector<double> matrix;
  {
    const Unlocked unlocked;
    matrix = dense_scatter(std::move(sum));
  }
  return py::make_tuple(to_numpy(std::move(matrix), {dim, dim}), exponent);
}

// (n_rows, n_groups, within, between)
py::tuple scatters(LidarSums sums) {
  const std::int64_t rows = sums.within.rows;
  return py::make_tuple(rows, sums.groups, scatter_tuple(std::move(sums.within)),
                        scatter_tuple(std::move(sums.means)));
}

py::tuple scatters_of_equal(const EqualGroups& self) { return scatters(self.sums()); }

py::tuple group_scatters(const GroupSums& self, bool weighted) {
  std::optional<LidarSums> sums;
  {
    const Unlocked unlocked;
    sums.emplace(self.lidar_sums(weighted));
  }
  return scatters(std::move(*sums));
}

void add(EqualGroups& self, const ArrayView& z) {
  const MatrixView rows = matrix_of(z);
  const Unlocked unlocked;
  self.add(rows);
}

}  // namespace

void register_lidar(py::module_& m) {
  py::class_<EqualGroups>(m, "EqualGroups")
      .def(py::init<std::int64_t, std::int64_t>(), py::arg("dim"), py::arg("q"))
      .def("add", &add, py::arg("z"))
      .def("scatters", &scatters_of_equal);
  m.def("group_scatters", &group_scatters, py::arg("sums"), py::arg("weighted"));
}

}  // namespace rankme::bindings
