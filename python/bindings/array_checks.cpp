#include "array_checks.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "python_names.hpp"

namespace rankme::bindings {

namespace {

[[noreturn]] void refuse_layout(const std::string& name, const char* why) {
  throw py::value_error(name + " describes " + why);
}

// Also the strides of what has a single entry or none along a dimension: nobody steps there, and
// producers leave anything in them.
std::vector<std::int64_t> c_order(const ArrayView& view, const std::string& name) {
  std::vector<std::int64_t> strides(view.shape.size());
  std::int64_t step = item_size(view.dtype);
  for (std::size_t axis = strides.size(); axis-- > 0;) {
    strides[axis] = step;
    const std::int64_t size = std::max<std::int64_t>(view.shape[axis], 1);
    if (__builtin_mul_overflow(step, size, &step)) {
      refuse_layout(name, "more than 2**63 bytes");
    }
  }
  return strides;
}

bool has_no_entries(const ArrayView& view) {
  return std::ranges::find(view.shape, 0) != view.shape.end();
}

// The bytes that are read must lie within the address space, or a pointer would wrap around.
void check_extent(const ArrayView& view, const std::string& name) {
  const auto [low, high, overflow] = extent_of(view);
  const auto address = reinterpret_cast<std::uintptr_t>(view.data);
  const auto above = static_cast<std::uintptr_t>(high);
  const auto below = std::uintptr_t{0} - static_cast<std::uintptr_t>(low);
  if (overflow || below > address || above > UINTPTR_MAX - address) {
    refuse_layout(name, "memory outside the address space");
  }
}

}  // namespace

Extent extent_of(const ArrayView& view) {
  Extent extent{0, item_size(view.dtype), false};
  for (std::size_t axis = 0; axis < view.shape.size(); ++axis) {
    std::int64_t reach = 0;
    extent.overflow |= __builtin_mul_overflow(view.strides[axis], view.shape[axis] - 1, &reach);
    std::int64_t& end = reach < 0 ? extent.low : extent.high;
    extent.overflow |= __builtin_add_overflow(end, reach, &end);
  }
  return extent;
}

bool lies_within(const ArrayView& view, const void* begin, std::int64_t size) {
  if (has_no_entries(view)) return true;
  // Both ends are addresses: `checked` has seen to it that neither wraps around.
  const Extent extent = extent_of(view);
  const auto first = reinterpret_cast<std::uintptr_t>(view.data);
  const auto allowed = reinterpret_cast<std::uintptr_t>(begin);
  return first + static_cast<std::uintptr_t>(extent.low) >= allowed &&
         first + static_cast<std::uintptr_t>(extent.high) <=
             allowed + static_cast<std::uintptr_t>(size);
}

ArrayView checked(ArrayView view, const std::string& name) {
  for (const std::int64_t size : view.shape) {
    if (size < 0) refuse_layout(name, "a dimension of negative size");
  }
  const bool empty = has_no_entries(view);
  std::vector<std::int64_t> steps = c_order(view, name);
  if (!view.strides.empty() && !empty) {
    for (std::size_t axis = 0; axis < steps.size(); ++axis) {
      if (view.shape[axis] > 1) steps[axis] = view.strides[axis];
    }
  }
  view.strides = std::move(steps);
  if (empty) return view;
  if (view.data == nullptr) refuse_layout(name, "entries at a null pointer");
  check_extent(view, name);
  return view;
}

void refuse_dtype(const std::string& name, const std::string& dtype) {
  // Python has the words: they are those of files too.
  const py::object text = import_object(dtype_refusal)(name, dtype);
  throw py::type_error(text.cast<std::string>());
}

std::string type_name(py::handle object) {
  const py::handle type = py::type::handle_of(object);
  const py::str module(type.attr("__module__"));
  const py::str name(type.attr("__qualname__"));
  const auto own = static_cast<std::string>(name);
  const auto home = static_cast<std::string>(module);
  return home == "builtins" ? own : home + "." + own;
}

py::object attribute(const py::object& object, const char* name) {
  auto found = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object.ptr(), name));
  if (!found) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
    PyErr_Clear();
  }
  return found && found.is_none() ? py::object() : found;
}

namespace {

py::object to_int(py::handle value, const std::string& what) {
  if (!PyIndex_Check(value.ptr())) {
    throw py::type_error(what + " must be an integer, not " + type_name(value));
  }
  auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!number) throw py::error_already_set();
  return number;
}

}  // namespace

std::int64_t to_int64(py::handle value, const std::string& what) {
  const py::object number = to_int(value, what);
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) throw py::value_error(what + " is beyond 64 bits");
  if (result == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
  return result;
}

std::uintptr_t to_address(py::handle value, const std::string& what) {
  const py::object number = to_int(value, what);
  const unsigned long long result = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::value_error(what + " is not from 0 to 2**64 - 1");
  }
  return static_cast<std::uintptr_t>(result);
}

std::vector<std::int64_t> to_int64s(py::handle tuple, const std::string& what) {
  if (!PyTuple_Check(tuple.ptr())) {
    throw py::type_error(what + " must be a tuple, not " + type_name(tuple));
  }
  const Py_ssize_t size = PyTuple_GET_SIZE(tuple.ptr());
  if (size > max_ndim) {
    throw py::value_error(what + " has " + std::to_string(size) + " entries, at most " +
                          std::to_string(max_ndim) + " are taken");
  }
  std::vector<std::int64_t> values;
  for (Py_ssize_t i = 0; i < size; ++i) {
    values.push_back(to_int64(PyTuple_GET_ITEM(tuple.ptr(), i), what));
  }
  return values;
}

}  // namespace rankme::bindings
