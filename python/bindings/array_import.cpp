#include "array_import.hpp"

#include <pybind11/numpy.h>

#include "array_checks.hpp"

namespace rankme::bindings {

namespace {

enum class Protocol { none, numpy, arrow_array, dlpack, cuda, arrow_stream, buffer, interface };

struct Offer {
  Protocol protocol = Protocol::none;
  py::object attribute{};  // the method or the dict of the protocol, where it has one
};

// The first that the object has, which is the one that knows most about it.
Offer offer_of(const py::object& object) {
  // NumPy's own first: its DLPack neither knows the bfloat16 of ml_dtypes nor, before NumPy 2.1,
  // exports what is read-only.
  if (py::isinstance<py::array>(object)) return {Protocol::numpy};
  // A class has the attributes of its instances, but no entries.
  if (PyType_Check(object.ptr())) return {};
  // Arrow before DLPack, which Arrow arrays have too, but not for rows.
  if (auto found = attribute(object, "__arrow_c_array__")) return {Protocol::arrow_array, found};
  if (auto found = attribute(object, "__dlpack__")) return {Protocol::dlpack, found};
  if (auto found = attribute(object, "__cuda_array_interface__")) return {Protocol::cuda, found};
  if (auto found = attribute(object, "__arrow_c_stream__")) return {Protocol::arrow_stream, found};
  if (PyObject_CheckBuffer(object.ptr()) != 0) return {Protocol::buffer};
  if (auto found = attribute(object, "__array_interface__")) return {Protocol::interface, found};
  return {};
}

[[noreturn]] void refuse_kind(const py::object& object, const std::string& name) {
  std::string advice = "numpy.asarray(...) converts what NumPy understands";
  // Not to_numpy(): of a table that takes its ids for numbers of the embeddings.
  if (attribute(object, "toarray")) advice = name + ".toarray() gives one";
  throw py::type_error(name +
                       " must be an array, NumPy's or one that offers DLPack, the CUDA array, the "
                       "Arrow, the buffer or NumPy's array interface, not " +
                       type_name(object) + "; " + advice);
}

}  // namespace

ArrayView import_array(const py::object& object, const std::string& name,
                       const py::object& stream) {
  const Offer offer = offer_of(object);
  switch (offer.protocol) {
    case Protocol::numpy:
      return view_numpy(object, name);
    case Protocol::arrow_array:
      return view_arrow_array(offer.attribute, name);
    case Protocol::dlpack:
      return view_dlpack(object, offer.attribute, name, stream);
    case Protocol::cuda:
      return view_cuda_interface(object, offer.attribute, name);
    case Protocol::arrow_stream:
      try {
        return view_arrow_stream(offer.attribute, name);
      } catch (py::error_already_set& error) {
        // pandas offers a stream, and then wants pyarrow for it.
        if (!error.matches(PyExc_ImportError)) throw;
      }
      break;
    case Protocol::buffer:
      return view_buffer(object, name);
    case Protocol::interface:
      return view_array_interface(object, offer.attribute, name);
    case Protocol::none:
      break;
  }
  refuse_kind(object, name);
}

bool is_array(const py::object& object) { return offer_of(object).protocol != Protocol::none; }

std::string device_of(const py::object& object) {
  const Protocol protocol = offer_of(object).protocol;
  if (protocol == Protocol::cuda) return device_name(DeviceType::cuda, -1);
  if (protocol != Protocol::dlpack) return device_name(DeviceType::cpu, 0);
  const Device device = dlpack_device(object);
  return device_name(device.type, device.id);
}

}  // namespace rankme::bindings
