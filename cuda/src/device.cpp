#include "rankme/cuda/device.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "rankme/cuda/check.hpp"

namespace rankme::cuda {

namespace {

// The process that started CUDA through us, or 0.
std::atomic<pid_t> starter = 0;

void mark_started() {
  pid_t nobody = 0;
  starter.compare_exchange_strong(nobody, getpid());
}

std::string dotted(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

bool forked() noexcept {
  const pid_t started_by = starter;
  return started_by != 0 && started_by != getpid();
}

int device_count() noexcept {
  if (forked()) return 0;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();  // no driver, or no device: an answer, and no failure of a later call
    return 0;
  }
  if (count > 0) mark_started();
  return count;
}

void require_device(int device) {
  if (forked()) {
    throw CudaError(
        "CUDA was started before this process was forked, and does not work in the child: start "
        "the process by multiprocessing's 'spawn' or 'forkserver', or compute on the CPU");
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice) {
    cudaGetLastError();
    throw CudaError(std::string("there is no GPU to compute on: ") + cudaGetErrorString(status));
  }
  detail::check(status, "cudaGetDeviceCount(&count)");
  mark_started();
  if (device < 0 || device >= count) {
    throw std::invalid_argument("there is no device cuda:" + std::to_string(device) + "; " +
                                (count == 1 ? std::string("the only one is cuda:0")
                                            : "the last one is cuda:" + std::to_string(count - 1)));
  }
}

int device_of(const void* data) {
  cudaPointerAttributes attributes{};
  RANKME_CUDA(cudaPointerGetAttributes(&attributes, data));
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
    throw std::invalid_argument("the array says that it lies on a GPU, and its address does not");
  }
  return attributes.device;
}

DeviceInfo device_info(int device) {
  require_device(device);
  const DeviceSwitch current(device);
  cudaDeviceProp properties{};
  RANKME_CUDA(cudaGetDeviceProperties(&properties, device));
  DeviceInfo info{
      properties.name, properties.major, properties.minor, 0, 0, properties.multiProcessorCount};
  RANKME_CUDA(cudaMemGetInfo(&info.free_bytes, &info.total_bytes));
  return info;
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::vector<std::pair<std::string, std::string>> versions;
  int version = 0;
  // 0 where there is no driver.
  if (cudaDriverGetVersion(&version) == cudaSuccess && version > 0) {
    versions.emplace_back("driver", dotted(version));
  }
  if (cudaRuntimeGetVersion(&version) == cudaSuccess) {
    versions.emplace_back("runtime", dotted(version));
  }
  cudaGetLastError();
  const auto three = [](auto get) {
    int parts[3] = {};
    const libraryPropertyType names[3] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
    for (int i = 0; i < 3; ++i) get(names[i], &parts[i]);
    return std::to_string(parts[0]) + "." + std::to_string(parts[1]) + "." +
           std::to_string(parts[2]);
  };
  versions.emplace_back("cublas", three([](libraryPropertyType name, int* value) {
                          RANKME_CUDA(cublasGetProperty(name, value));
                        }));
  versions.emplace_back("cusolver", three([](libraryPropertyType name, int* value) {
                          RANKME_CUDA(cusolverGetProperty(name, value));
                        }));
  return versions;
}

DeviceSwitch::DeviceSwitch(int device) {
  RANKME_CUDA(cudaGetDevice(&before_));
  if (before_ == device) return;
  RANKME_CUDA(cudaSetDevice(device));
  changed_ = true;
}

DeviceSwitch::~DeviceSwitch() {
  if (changed_) RANKME_CUDA_NOTHROW(cudaSetDevice(before_));
}

QuietSwitch::QuietSwitch(int device) noexcept {
  if (forked()) return;
  RANKME_CUDA_NOTHROW(cudaGetDevice(&before_));
  RANKME_CUDA_NOTHROW(cudaSetDevice(device));
}

QuietSwitch::~QuietSwitch() {
  if (before_ >= 0) RANKME_CUDA_NOTHROW(cudaSetDevice(before_));
}

}  // namespace rankme::cuda
