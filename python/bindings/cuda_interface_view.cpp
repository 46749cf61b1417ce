// The CUDA array interface, versions 2 and 3:
// https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html
#include <utility>

#include "array_checks.hpp"
#include "array_import.hpp"

namespace rankme::bindings {

namespace {

// The entry, or a null object where it is missing or None.
py::object entry(const py::dict& interface, const char* key) {
  PyObject* found = PyDict_GetItemWithError(interface.ptr(), py::str(key).ptr());
  if (found == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
  auto value = py::reinterpret_borrow<py::object>(found);
  return value && value.is_none() ? py::object() : value;
}

py::object needed(const py::dict& interface, const char* key, const std::string& what) {
  py::object value = entry(interface, key);
  if (!value) throw py::value_error(what + " lacks " + key);
  return value;
}

DType dtype_of(py::handle typestr, const std::string& name, const std::string& what) {
  if (!PyUnicode_Check(typestr.ptr())) {
    throw py::type_error(what + "['typestr'] must be a str, not " + type_name(typestr));
  }
  const char* letters = PyUnicode_AsUTF8(typestr.ptr());
  if (letters == nullptr) throw py::error_already_set();
  const std::string text = letters;
  if (text == "<f2") return DType::float16;
  if (text == "<f4") return DType::float32;
  if (text == "<f8") return DType::float64;
  refuse_dtype(name, "'" + text + "'");
}

const std::byte* data_of(py::handle pair, const std::string& what) {
  if (!PyTuple_Check(pair.ptr()) || PyTuple_GET_SIZE(pair.ptr()) != 2) {
    throw py::type_error(what + "['data'] must be a pair (pointer, read-only)");
  }
  return reinterpret_cast<const std::byte*>(
      to_address(PyTuple_GET_ITEM(pair.ptr(), 0), what + "['data'][0]"));
}

// None: the producer has nothing queued, or has waited.
std::optional<std::uintptr_t> stream_of(const py::object& value, const std::string& what) {
  if (!value) return std::nullopt;
  const std::uintptr_t stream = to_address(value, what + "['stream']");
  // By the specification: 0 would be ambiguous between None, 1 (legacy) and 2 (per-thread).
  if (stream == 0) throw py::value_error(what + "['stream'] must not be 0");
  return stream;
}

}  // namespace

ArrayView view_cuda_interface(const py::object& object, const py::object& interface,
                              const std::string& name) {
  const std::string what = name + ".__cuda_array_interface__";
  if (!PyDict_Check(interface.ptr())) {
    throw py::type_error(what + " must be a dict, not " + type_name(interface));
  }
  // A copy is ours alone: without a GIL another thread may be changing the producer's.
  const auto dict = py::reinterpret_steal<py::dict>(PyDict_Copy(interface.ptr()));
  if (!dict) throw py::error_already_set();
  const std::int64_t version = to_int64(needed(dict, "version", what), what + "['version']");
  if (version < 2) {
    throw py::value_error(what + " is of version " + std::to_string(version) +
                          ", 2 or 3 are wanted");
  }
  if (entry(dict, "mask")) {
    throw py::type_error(name + " is a masked array, whose mask would be lost");
  }
  ArrayView view;
  view.device_type = DeviceType::cuda;
  view.device_id = -1;
  view.dtype = dtype_of(needed(dict, "typestr", what), name, what);
  view.shape = to_int64s(needed(dict, "shape", what), what + "['shape']");
  if (const py::object strides = entry(dict, "strides")) {
    view.strides = to_int64s(strides, what + "['strides']");
    if (view.strides.size() != view.shape.size()) {
      throw py::value_error(what + "['strides'] is not as long as its shape");
    }
  }
  view.data = data_of(needed(dict, "data", what), what);
  view.producer_stream = stream_of(entry(dict, "stream"), what);
  view.owner = object;
  return checked(std::move(view), name);
}

}  // namespace rankme::bindings
