// DLPack: https://dmlc.github.io/dlpack/latest/python_spec.html
#include <array>
#include <utility>

#include "array_checks.hpp"
#include "array_import.hpp"
#include "dlpack_abi.hpp"

namespace rankme::bindings {

namespace {

std::string device_kind(std::int64_t code) {
  struct Named {
    std::int64_t code;
    const char* name;
  };
  static constexpr std::array<Named, 13> known{{{dlpack::opencl, "OpenCL"},
                                                {dlpack::vulkan, "Vulkan"},
                                                {dlpack::metal, "Metal"},
                                                {dlpack::vpi, "VPI"},
                                                {dlpack::rocm, "ROCm"},
                                                {dlpack::rocm_host, "ROCm host memory"},
                                                {dlpack::ext_dev, "an extension device"},
                                                {dlpack::one_api, "oneAPI"},
                                                {dlpack::web_gpu, "WebGPU"},
                                                {dlpack::hexagon, "Hexagon"},
                                                {dlpack::maia, "MAIA"},
                                                {dlpack::trainium, "Trainium"},
                                                {0, "no device"}}};
  for (const Named& device : known) {
    if (device.code == code) return device.name;
  }
  return "DLPack device " + std::to_string(code);
}

// Pinned memory belongs to the processor. Managed memory would do for both sides, but work that
// is queued on the device may still write it, which only a stream can wait for.
Device device_from(std::int64_t code, std::int64_t id) {
  if (code == dlpack::cpu || code == dlpack::cuda_host) return {DeviceType::cpu, 0};
  if (code == dlpack::cuda || code == dlpack::cuda_managed) {
    if (id < 0 || id > INT32_MAX) {
      throw py::value_error("DLPack: CUDA device " + std::to_string(id));
    }
    return {DeviceType::cuda, static_cast<int>(id)};
  }
  throw py::type_error("an array on " + device_kind(code) +
                       " cannot be read; copy it to the processor or to a CUDA device");
}

std::string dtype_text(const dlpack::Tensor& tensor) {
  static constexpr std::array<const char*, 7> kinds{"int",    "uint",    "float", "handle",
                                                    "bfloat", "complex", "bool"};
  const std::string kind = tensor.type_code < kinds.size()
                               ? kinds[tensor.type_code]
                               : "DLPack type " + std::to_string(tensor.type_code) + " of bits ";
  std::string text = kind + std::to_string(tensor.type_bits);
  if (tensor.type_lanes != 1) text += " in vectors of " + std::to_string(tensor.type_lanes);
  return text;
}

DType dtype_of(const dlpack::Tensor& tensor, const std::string& name) {
  if (tensor.type_lanes == 1) {
    if (tensor.type_code == dlpack::bfloat && tensor.type_bits == 16) return DType::bfloat16;
    if (tensor.type_code == dlpack::floating) {
      if (tensor.type_bits == 16) return DType::float16;
      if (tensor.type_bits == 32) return DType::float32;
      if (tensor.type_bits == 64) return DType::float64;
    }
  }
  refuse_dtype(name, dtype_text(tensor));
}

// Strides come in entries and leave in bytes. Along a dimension of one entry or none they mean
// nothing, so no overflow there is an error.
std::vector<std::int64_t> strides_of(const dlpack::Tensor& tensor, DType dtype,
                                     const std::string& name) {
  std::vector<std::int64_t> strides;
  if (tensor.strides == nullptr) return strides;
  for (int axis = 0; axis < tensor.ndim; ++axis) {
    std::int64_t step = 0;
    const bool overflow = __builtin_mul_overflow(tensor.strides[axis], item_size(dtype), &step);
    if (overflow && tensor.shape[axis] > 1) {
      throw py::value_error(name + " describes a stride beyond 64 bits");
    }
    strides.push_back(overflow ? 0 : step);
  }
  return strides;
}

ArrayView view_of(const dlpack::Tensor& tensor, const std::string& name) {
  ArrayView view;
  const Device device = device_from(tensor.device_code, tensor.device_id);
  view.device_type = device.type;
  view.device_id = device.id;
  view.dtype = dtype_of(tensor, name);
  if (tensor.ndim < 0 || tensor.ndim > max_ndim) {
    throw py::value_error(name + " has " + std::to_string(tensor.ndim) +
                          " dimensions by its DLPack tensor, 0 to " + std::to_string(max_ndim) +
                          " are taken");
  }
  if (tensor.ndim > 0 && tensor.shape == nullptr) {
    throw py::value_error(name + " has a DLPack tensor without a shape");
  }
  if (tensor.ndim > 0) view.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  view.strides = strides_of(tensor, view.dtype, name);
  if (tensor.data != nullptr) {
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.data);
    if (tensor.byte_offset > UINTPTR_MAX - address) {
      throw py::value_error(name + " describes memory outside the address space");
    }
    view.data = reinterpret_cast<const std::byte*>(address + tensor.byte_offset);
  }
  return checked(std::move(view), name);
}

// Runs with the GIL, since it is a capsule's destructor: a producer's deleter may call Python. An
// error that is on its way must survive it.
template <class T>
void release(PyObject* capsule) {
  const py::error_scope pending;
  auto* managed = static_cast<T*>(PyCapsule_GetPointer(capsule, nullptr));
  if (managed->deleter != nullptr) managed->deleter(managed);
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(nullptr);
}

// Takes the tensor over: from here on our capsule is what owns it, and its deleter runs when that
// goes, whatever is thrown meanwhile. Our capsule is made first, for that may fail.
template <class T>
py::object take(const py::object& capsule) {
  void* managed = PyCapsule_GetPointer(capsule.ptr(), T::fresh);
  if (managed == nullptr) throw py::error_already_set();
  auto owner = py::reinterpret_steal<py::object>(PyCapsule_New(managed, nullptr, nullptr));
  if (!owner || PyCapsule_SetName(capsule.ptr(), T::used) != 0) throw py::error_already_set();
  if (PyCapsule_SetDestructor(owner.ptr(), &release<T>) != 0) throw py::error_already_set();
  return owner;
}

template <class T>
const T& managed_by(const py::object& owner) {
  return *static_cast<const T*>(PyCapsule_GetPointer(owner.ptr(), nullptr));
}

// Producers from before DLPack 1.0 do not know `max_version`.
py::object call(const py::object& method, const py::dict& arguments) {
  py::dict with_version = arguments.attr("copy")();
  with_version["max_version"] = py::make_tuple(1, 0);
  try {
    return method(**with_version);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method(**arguments);
}

}  // namespace

Device dlpack_device(const py::object& object) {
  const py::object method = attribute(object, "__dlpack_device__");
  if (!method) throw py::type_error(type_name(object) + " has __dlpack__ but no __dlpack_device__");
  const std::string what = type_name(object) + ".__dlpack_device__()";
  const py::object told = method();
  if (!PyTuple_Check(told.ptr()) || PyTuple_GET_SIZE(told.ptr()) != 2) {
    throw py::type_error(what + " must return a pair (device type, device id)");
  }
  return device_from(to_int64(PyTuple_GET_ITEM(told.ptr(), 0), what),
                     to_int64(PyTuple_GET_ITEM(told.ptr(), 1), what));
}

ArrayView view_dlpack(const py::object& object, const py::object& method, const std::string& name,
                      const py::object& stream) {
  py::dict arguments;
  if (dlpack_device(object).type == DeviceType::cuda) {
    // 1 is the legacy default stream. Without a stream PyTorch would not wait for anything.
    arguments["stream"] = stream.is_none() ? py::int_(1) : stream;
  }
  const py::object capsule = call(method, arguments);
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::ManagedVersioned::fresh) != 0) {
    py::object owner = take<dlpack::ManagedVersioned>(capsule);
    const auto& managed = managed_by<dlpack::ManagedVersioned>(owner);
    if (managed.major != 1) {
      throw py::buffer_error(name + " came as DLPack " + std::to_string(managed.major) + "." +
                             std::to_string(managed.minor) + ", asked for was 1.0");
    }
    ArrayView view = view_of(managed.tensor, name);
    view.owner = std::move(owner);
    return view;
  }
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::Managed::fresh) != 0) {
    py::object owner = take<dlpack::Managed>(capsule);
    ArrayView view = view_of(managed_by<dlpack::Managed>(owner).tensor, name);
    view.owner = std::move(owner);
    return view;
  }
  throw py::type_error(type_name(object) +
                       ".__dlpack__() must return a fresh DLPack capsule, not " +
                       (PyCapsule_CheckExact(capsule.ptr()) ? "one that is used or of another kind"
                                                            : type_name(capsule)));
}

}  // namespace rankme::bindings
