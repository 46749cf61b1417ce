#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>

#include "array_import.hpp"
#include "rankme/widen.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

py::tuple tuple_of(const std::vector<std::int64_t>& values) {
  py::tuple result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = py::int_(values[i]);
  return result;
}

// Writes an array of two dimensions or more in C order.
void widen_all(ArrayView& view, std::size_t axis, double*& out) {
  if (axis + 2 == view.shape.size()) {
    const MatrixView matrix{view.data,          view.dtype,
                            view.shape[axis],   view.shape[axis + 1],
                            view.strides[axis], view.strides[axis + 1]};
    widen(matrix, Layout::row_major, out);
    out += matrix.rows * matrix.cols;
    return;
  }
  const std::byte* first = view.data;
  for (std::int64_t i = 0; i < view.shape[axis]; ++i) {
    view.data = first + i * view.strides[axis];
    widen_all(view, axis + 1, out);
  }
  view.data = first;
}

// Without the first axis; of a stack, one of its matrices.
ArrayView item(const ArrayView& self, std::int64_t index) {
  if (self.shape.empty() || index < 0 || index >= self.shape[0]) throw py::index_error();
  ArrayView part = self;
  part.data += index * self.strides[0];
  part.shape.erase(part.shape.begin());
  part.strides.erase(part.strides.begin());
  return part;
}

py::array_t<double> widened(const ArrayView& z, std::int64_t begin, std::int64_t end) {
  require_cpu(z);
  if (z.shape.size() < 2) throw py::value_error("z must have 2 dimensions or more");
  if (begin < 0 || begin > end || end > z.shape[0]) {
    throw py::value_error("begin and end must be a range of the first axis");
  }
  ArrayView part = z;
  part.shape[0] = end - begin;
  if (begin > 0) part.data += begin * part.strides[0];
  py::array_t<double> result(part.shape);
  double* out = result.mutable_data();
  if (result.size() > 0) {
    // Nobody else has the result yet, and the caller holds z.
    const Unlocked unlocked;
    widen_all(part, 0, out);
  }
  return result;
}

}  // namespace

void register_arrays(py::module_& m) {
  py::class_<ArrayView>(m, "ArrayView")
      .def(
          py::init([](const py::object& object, const std::string& name, const py::object& stream) {
            return std::make_unique<ArrayView>(import_array(object, name, stream));
          }),
          py::arg("obj"), py::arg("name") = "Z", py::arg("stream") = py::none())
      .def_property_readonly("shape", [](const ArrayView& self) { return tuple_of(self.shape); })
      .def_property_readonly("strides",
                             [](const ArrayView& self) { return tuple_of(self.strides); })
      .def_property_readonly("dtype", [](const ArrayView& self) { return dtype_name(self.dtype); })
      .def_property_readonly(
          "device",
          [](const ArrayView& self) { return device_name(self.device_type, self.device_id); })
      .def_property_readonly(
          "pointer",
          [](const ArrayView& self) { return reinterpret_cast<std::uintptr_t>(self.data); })
      .def("__getitem__", &item, py::arg("index"));
  m.def("is_array", &is_array, py::arg("obj"));
  m.def("device_of", &device_of, py::arg("obj"));
  m.def("widened", &widened, py::arg("z"), py::arg("begin"), py::arg("end"));
}

}  // namespace rankme::bindings
