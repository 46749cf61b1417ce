#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../unlocked.hpp"
#include "rankme/cuda/device.hpp"
#include "rankme/cuda/handles.hpp"
#include "register.hpp"

namespace rankme::bindings::cuda {

namespace py = pybind11;

namespace {

py::list devices() {
  std::vector<rankme::cuda::DeviceInfo> found;
  {
    const Unlocked unlocked;
    const int count = rankme::cuda::device_count();
    for (int device = 0; device < count; ++device) {
      found.push_back(rankme::cuda::device_info(device));
    }
  }
  py::list result;
  for (const auto& info : found) {
    py::dict entry;
    entry["name"] = info.name;
    entry["compute_capability"] = std::to_string(info.major) + "." + std::to_string(info.minor);
    entry["total_bytes"] = info.total_bytes;
    entry["free_bytes"] = info.free_bytes;
    entry["multiprocessors"] = info.multiprocessors;
    result.append(std::move(entry));
  }
  return result;
}

py::dict library_versions() {
  py::dict result;
  for (const auto& [name, version] : rankme::cuda::library_versions()) {
    result[py::str(name)] = version;
  }
  return result;
}

}  // namespace

void register_devices(py::module_& m) {
  m.def("device_count", &rankme::cuda::device_count, py::call_guard<Unlocked>());
  m.def("devices", &devices);
  m.def("library_versions", &library_versions);
  m.def(
      "stream",
      [](int device) {
        return reinterpret_cast<std::uintptr_t>(rankme::cuda::import_stream(device));
      },
      py::arg("device"), py::call_guard<Unlocked>());
  m.def(
      "trim",
      [](int device) {
        rankme::cuda::require_device(device);
        rankme::cuda::trim(device);
      },
      py::arg("device"), py::call_guard<Unlocked>());
}

}  // namespace rankme::bindings::cuda
