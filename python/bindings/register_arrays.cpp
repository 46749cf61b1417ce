#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

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
  part.data += self.row_offsets ? (*self.row_offsets)[static_cast<std::size_t>(index)]
                                : index * self.strides[0];
  part.row_offsets.reset();
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
  py::array_t<double> result(part.shape);
  double* out = result.mutable_data();
  if (result.size() == 0) return result;
  // Nobody else has the result yet, and the caller holds z.
  const Unlocked unlocked;
  if (z.shape.size() == 2) {
    widen(matrix_of(z).row_range(begin, end), Layout::row_major, out);
  } else {
    part.data += begin * part.strides[0];
    widen_all(part, 0, out);
  }
  return result;
}

using Mask = py::array_t<bool, py::array::c_style>;

// Where the rows begin that are kept, in bytes behind the first: the last axis is the row, and
// `keep` goes through the others.
void find_kept(const ArrayView& z, std::size_t axis, std::int64_t at, const bool*& keep,
               std::vector<std::int64_t>& offsets) {
  const bool innermost = axis + 2 == z.shape.size();
  for (std::int64_t i = 0; i < z.shape[axis]; ++i, at += z.strides[axis]) {
    if (!innermost) {
      find_kept(z, axis + 1, at, keep, offsets);
    } else if (*keep++) {
      offsets.push_back(at);
    }
  }
}

// The rows of an array that a mask keeps, as a matrix of the same memory. Those that stand at one
// stride after all are a plain one.
ArrayView kept_rows(const ArrayView& z, const Mask& mask) {
  require_cpu(z);
  const std::size_t row_axes = z.shape.size() - 1;
  if (z.shape.size() < 2 ||
      !std::equal(z.shape.begin(), z.shape.end() - 1, mask.shape(), mask.shape() + mask.ndim())) {
    throw py::value_error("mask must have the shape of z without its last axis");
  }
  const bool* keep = mask.data();  // held by the argument
  ArrayView kept = z;
  std::vector<std::int64_t> offsets;
  {
    const Unlocked unlocked;
    find_kept(z, 0, 0, keep, offsets);
  }
  std::int64_t step = z.strides[0];  // the shortest
  for (std::size_t axis = 1; axis < row_axes; ++axis) {
    if (std::abs(z.strides[axis]) < std::abs(step)) step = z.strides[axis];
  }
  const std::int64_t apart = offsets.size() > 1 ? offsets[1] - offsets[0] : step;
  bool even = true;
  for (std::size_t i = 1; i < offsets.size(); ++i) even &= offsets[i] - offsets[i - 1] == apart;
  kept.shape = {static_cast<std::int64_t>(offsets.size()), z.shape.back()};
  kept.strides = {even ? apart : step, z.strides.back()};
  if (!even) {
    kept.row_offsets = std::make_shared<const std::vector<std::int64_t>>(std::move(offsets));
  } else if (!offsets.empty()) {
    kept.data += offsets.front();
  }
  return kept;
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
      .def("__getitem__", &item, py::arg("index"))
      .def("kept", &kept_rows, py::arg("mask").noconvert());
  m.def("is_array", &is_array, py::arg("obj"));
  m.def("device_of", &device_of, py::arg("obj"));
  m.def("widened", &widened, py::arg("z"), py::arg("begin"), py::arg("end"));
}

}  // namespace rankme::bindings
