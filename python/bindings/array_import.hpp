// From any Python object that is an array to an ArrayView, by the first protocol that it offers.
// One file a protocol reads it; array_checks.hpp has what they share.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "array_view.hpp"

namespace rankme::bindings {

// `name` is what errors call the object. `stream` is where a DLPack producer on a CUDA device is
// to have its work done: a handle as an int, or None for the legacy default stream.
ArrayView import_array(const py::object& object, const std::string& name, const py::object& stream);

// Whether the object offers one of the protocols; lists and scalars do not.
bool is_array(const py::object& object);

// "cpu" or "cuda:0", without touching the data; "cuda" where the producer does not say which.
std::string device_of(const py::object& object);

// Each protocol by itself. An object that does not keep its promises is a TypeError or a
// ValueError; what the object itself raises passes through.
ArrayView view_numpy(const py::object& array, const std::string& name);
ArrayView view_dlpack(const py::object& object, const py::object& method, const std::string& name,
                      const py::object& stream);
ArrayView view_cuda_interface(const py::object& object, const py::object& interface,
                              const std::string& name);
ArrayView view_arrow_array(const py::object& method, const std::string& name);
ArrayView view_arrow_stream(const py::object& method, const std::string& name);
ArrayView view_buffer(const py::object& object, const std::string& name);
ArrayView view_array_interface(const py::object& object, const py::object& interface,
                               const std::string& name);

// The device that __dlpack_device__ tells.
struct Device {
  DeviceType type;
  int id;
};
Device dlpack_device(const py::object& object);

}  // namespace rankme::bindings
