#include "matrix_list.hpp"

#include <pybind11/numpy.h>

#include <cstddef>
#include <string>
#include <utility>

#include "array_import.hpp"
#include "array_view.hpp"
#include "python_names.hpp"

namespace rankme::bindings {

namespace {

void add_stack(const ArrayView& stack, MatrixList& list) {
  if (stack.shape.size() != 3) throw py::value_error("Zs must have 3 dimensions");
  require_cpu(stack);
  MatrixView matrix{stack.data,     stack.dtype,      stack.shape[1],
                    stack.shape[2], stack.strides[1], stack.strides[2]};
  list.views.reserve(static_cast<std::size_t>(stack.shape[0]));
  for (std::int64_t i = 0; i < stack.shape[0]; ++i) {
    list.views.push_back(matrix);
    matrix.data += stack.strides[0];
  }
  list.owners.push_back(stack.owner);
}

void add(const ArrayView& view, const py::object& owner, MatrixList& list) {
  require_cpu(view);
  list.views.push_back(matrix_of(view));
  list.owners.push_back(owner);
}

void add_item(const py::object& item, MatrixList& list) {
  if (py::isinstance<ArrayView>(item)) return add(item.cast<const ArrayView&>(), item, list);
  const std::string name = "Zs[" + std::to_string(list.views.size()) + "]";
  // A call into Python for each of 100,000 small arrays would take longer than their scores, so it
  // is left to those that are not plainly good.
  if (Py_TYPE(item.ptr()) == py::detail::npy_api::get().PyArray_Type_) {
    const auto array = py::reinterpret_borrow<py::array>(item);
    if (array.ndim() == 2 && array.size() > 0) return add(view_numpy(item, name), item, list);
  }
  const py::object check = import_object(as_rows);
  const py::object checked = check(item, name);
  add(checked.cast<const ArrayView&>(), checked, list);
}

}  // namespace

MatrixList matrices_of(const py::object& zs) {
  MatrixList list;
  if (py::isinstance<ArrayView>(zs)) {
    add_stack(zs.cast<const ArrayView&>(), list);
    return list;
  }
  // The items are held one by one: another thread may change the list meanwhile.
  const py::tuple items(zs);
  list.views.reserve(items.size());
  list.owners.reserve(items.size());
  for (const py::handle item : items) {
    add_item(py::reinterpret_borrow<py::object>(item), list);
  }
  return list;
}

}  // namespace rankme::bindings
