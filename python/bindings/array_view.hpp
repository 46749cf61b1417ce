// An array that Python holds, as the computing code sees it: where it lies, what its entries are
// and who keeps it alive. Header only, so that every extension module can take what _core made.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rankme/matrix_view.hpp"

namespace rankme::bindings {

namespace py = pybind11;

enum class DeviceType { cpu, cuda };

// Never changed once made. Whoever computes holds the Python object as an argument, and with it
// `owner`: nobody frees the memory, and NumPy does not resize it, while the GIL is released.
struct ArrayView {
  const std::byte* data = nullptr;
  DType dtype = DType::float64;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in bytes, as in MatrixView
  // Of a matrix whose rows were picked out, as in MatrixView.
  std::shared_ptr<const std::vector<std::int64_t>> row_offsets;
  DeviceType device_type = DeviceType::cpu;
  int device_id = 0;  // -1 of a CUDA array whose producer names none: the pointer tells CUDA
  // Work that the producer has queued there must be done before the entries are read. Only the CUDA
  // array interface leaves that to its reader.
  std::optional<std::uintptr_t> producer_stream;
  py::object owner;
};

inline std::string device_name(DeviceType type, int id) {
  if (type == DeviceType::cpu) return "cpu";
  return id < 0 ? "cuda" : "cuda:" + std::to_string(id);
}

inline const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return "float16";
    case DType::bfloat16:
      return "bfloat16";
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
  }
  throw std::invalid_argument("unknown dtype");
}

// `data` may be a pointer of the device: nothing is read.
inline MatrixView matrix_of(const ArrayView& view) {
  if (view.shape.size() != 2) throw py::value_error("Z must have 2 dimensions");
  MatrixView matrix{view.data,     view.dtype,      view.shape[0],
                    view.shape[1], view.strides[0], view.strides[1]};
  if (view.row_offsets) matrix.row_offsets = view.row_offsets->data();
  return matrix;
}

inline void require_cpu(const ArrayView& view) {
  if (view.device_type == DeviceType::cpu) return;
  throw py::type_error("an array on " + device_name(view.device_type, view.device_id) +
                       " cannot be read by the processor");
}

}  // namespace rankme::bindings
