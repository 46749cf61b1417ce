// NumPy's own arrays, the buffer protocol, and __array_interface__.
#include <pybind11/numpy.h>

#include <cstring>
#include <utility>

#include "array_checks.hpp"
#include "array_import.hpp"

namespace rankme::bindings {

namespace {

DType dtype_of(const py::array& array, const std::string& name) {
  const py::dtype dtype = array.dtype();
  const bool native = py::cast<bool>(dtype.attr("isnative"));
  if (dtype.kind() == 'f' && native) {
    if (dtype.itemsize() == 8) return DType::float64;
    if (dtype.itemsize() == 4) return DType::float32;
    if (dtype.itemsize() == 2) return DType::float16;
  }
  const auto text = py::cast<std::string>(dtype.attr("name"));
  // ml_dtypes registers bfloat16 under a kind of its own, so only the name tells. A structured
  // dtype cannot have it.
  if (text == "bfloat16" && native && dtype.itemsize() == 2) return DType::bfloat16;
  if (native) refuse_dtype(name, text);
  refuse_dtype(name,
               text + " in foreign byte order (" + py::cast<std::string>(dtype.attr("str")) + ")");
}

// A format of the struct module, which knows no bfloat16.
DType dtype_of(const Py_buffer& buffer, const std::string& name) {
  const std::string format = buffer.format == nullptr ? "B" : buffer.format;
  std::string code = format;
  if (!code.empty() && (code[0] == '@' || code[0] == '=' || code[0] == '<')) code.erase(0, 1);
  if (code == "e" && buffer.itemsize == 2) return DType::float16;
  if (code == "f" && buffer.itemsize == 4) return DType::float32;
  if (code == "d" && buffer.itemsize == 8) return DType::float64;
  refuse_dtype(name, "'" + format + "' (a buffer's format)");
}

py::object memoryview_of(const py::object& object) {
  auto view = py::reinterpret_steal<py::object>(PyMemoryView_FromObject(object.ptr()));
  if (!view) throw py::error_already_set();
  return view;
}

py::object as_numpy(const py::object& holder, const std::string& name) {
  try {
    return py::module_::import("numpy").attr("asarray")(holder);
  } catch (py::error_already_set& error) {
    // Among other things NumPy says so where a size is beyond 64 bits.
    if (!error.matches(PyExc_OverflowError)) throw;
    const std::string why = name + ".__array_interface__ has a number that is out of range";
    py::raise_from(error, PyExc_ValueError, why.c_str());
    throw py::error_already_set();
  }
}

}  // namespace

ArrayView view_numpy(const py::object& object, const std::string& name) {
  const auto array = py::reinterpret_borrow<py::array>(object);
  ArrayView view;
  view.dtype = dtype_of(array, name);
  view.data = static_cast<const std::byte*>(array.data());
  view.shape.assign(array.shape(), array.shape() + array.ndim());
  view.strides.assign(array.strides(), array.strides() + array.ndim());
  view.owner = object;
  return checked(std::move(view), name);
}

ArrayView view_buffer(const py::object& object, const std::string& name) {
  // The memoryview holds the buffer: its exporter may neither free nor move it meanwhile.
  py::object owner = memoryview_of(object);
  const Py_buffer& buffer = *PyMemoryView_GET_BUFFER(owner.ptr());
  ArrayView view;
  view.dtype = dtype_of(buffer, name);
  if (buffer.suboffsets != nullptr) {
    throw py::type_error(name + " is a buffer of pointers to rows; numpy.array(...) gathers it");
  }
  view.data = static_cast<const std::byte*>(buffer.buf);
  view.shape.assign(buffer.shape, buffer.shape + buffer.ndim);
  view.strides.assign(buffer.strides, buffer.strides + buffer.ndim);
  view.owner = std::move(owner);
  std::int64_t bytes = buffer.itemsize;
  bool overflow = false;
  for (const std::int64_t size : view.shape)
    overflow |= __builtin_mul_overflow(bytes, size, &bytes);
  if (overflow || bytes != buffer.len) {
    throw py::value_error(name + " is a buffer whose shape and length disagree");
  }
  return checked(std::move(view), name);
}

ArrayView view_array_interface(const py::object& object, const py::object& interface,
                               const std::string& name) {
  // NumPy reads it, with the checks that it has. It is shown nothing else of the object: it would
  // turn to __array__, which may copy. A private copy, for the entries are looked at twice.
  if (!PyDict_Check(interface.ptr())) {
    throw py::type_error(name + ".__array_interface__ must be a dict, not " + type_name(interface));
  }
  const auto told = py::reinterpret_steal<py::object>(PyDict_Copy(interface.ptr()));
  if (!told) throw py::error_already_set();
  const py::object holder = py::module_::import("types").attr("SimpleNamespace")();
  holder.attr("__array_interface__") = told;
  holder.attr("owner") = object;
  ArrayView view = view_numpy(as_numpy(holder, name), name);
  const py::object data = told.attr("get")("data");
  if (!PyTuple_Check(data.ptr())) {
    // The bytes of another object, whose length NumPy does not compare.
    const py::object bytes = memoryview_of(data);
    const Py_buffer& buffer = *PyMemoryView_GET_BUFFER(bytes.ptr());
    if (!lies_within(view, buffer.buf, buffer.len)) {
      throw py::value_error(name + ".__array_interface__ describes more than the " +
                            std::to_string(buffer.len) + " bytes of its data");
    }
  }
  return view;
}

}  // namespace rankme::bindings
