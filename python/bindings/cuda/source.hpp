// An array that Python holds, as the CUDA module takes it.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "../array_view.hpp"
#include "rankme/cuda/device.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/source.hpp"

namespace rankme::bindings::cuda {

using rankme::cuda::Precision;
using rankme::cuda::Source;

// The GPU that a CUDA array lies on. Not every producer names it.
inline int device_of(const ArrayView& view) {
  return view.device_id >= 0 || view.data == nullptr ? view.device_id
                                                     : rankme::cuda::device_of(view.data);
}

inline void require_place(const ArrayView& view, int device) {
  if (view.device_type == DeviceType::cpu || view.data == nullptr) return;
  const int lies_on = device_of(view);
  if (lies_on == device) return;
  throw py::value_error("Z lies on cuda:" + std::to_string(lies_on) +
                        ", and the computation is on cuda:" + std::to_string(device));
}

// A 2-D array that lies on the host or on `device`. Reads nothing.
inline Source source_of(const ArrayView& view, int device) {
  require_place(view, device);
  return {matrix_of(view), view.device_type == DeviceType::cuda, view.producer_stream};
}

inline Precision precision_of(const std::string& name) {
  if (name == "float64") return Precision::float64;
  if (name == "fast") return Precision::fast;
  throw py::value_error("precision must be 'float64' or 'fast', got '" + name + "'");
}

}  // namespace rankme::bindings::cuda
