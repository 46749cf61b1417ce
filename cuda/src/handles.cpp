#include "rankme/cuda/handles.hpp"

#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "rankme/cuda/check.hpp"
#include "rankme/error.hpp"

namespace rankme::cuda {

// ---- streams, events, libraries ----------------------------------------------------------------

Stream::Stream(bool urgent) {
  int least = 0;
  int greatest = 0;
  RANKME_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  RANKME_CUDA(
      cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, urgent ? greatest : least));
}

Stream::~Stream() {
  if (stream_ != nullptr) RANKME_CUDA_NOTHROW(cudaStreamDestroy(stream_));
}

void Stream::synchronize() const { RANKME_CUDA(cudaStreamSynchronize(stream_)); }

Event::Event() { RANKME_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }

Event::~Event() {
  if (event_ != nullptr) RANKME_CUDA_NOTHROW(cudaEventDestroy(event_));
}

void Event::record(cudaStream_t stream) const { RANKME_CUDA(cudaEventRecord(event_, stream)); }

void Event::hold_back(cudaStream_t stream) const {
  RANKME_CUDA(cudaStreamWaitEvent(stream, event_, 0));
}

void Event::synchronize() const { RANKME_CUDA(cudaEventSynchronize(event_)); }

BlasHandle::BlasHandle(cudaStream_t stream) {
  RANKME_CUDA(cublasCreate(&handle_));
  try {
    RANKME_CUDA(cublasSetStream(handle_, stream));
    // Results of float16 products stay in float32 where a sum is split.
    RANKME_CUDA(cublasSetMathMode(
        handle_, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH |
                                           CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
    RANKME_CUDA(cublasSetAtomicsMode(handle_, CUBLAS_ATOMICS_NOT_ALLOWED));
  } catch (...) {
    RANKME_CUDA_NOTHROW(cublasDestroy(handle_));
    throw;
  }
}

BlasHandle::~BlasHandle() { RANKME_CUDA_NOTHROW(cublasDestroy(handle_)); }

SolverHandle::SolverHandle(cudaStream_t stream) {
  RANKME_CUDA(cusolverDnCreate(&handle_));
  try {
    RANKME_CUDA(cusolverDnSetStream(handle_, stream));
    RANKME_CUDA(cusolverDnCreateParams(&params_));
  } catch (...) {
    RANKME_CUDA_NOTHROW(cusolverDnDestroy(handle_));
    throw;
  }
}

SolverHandle::~SolverHandle() {
  RANKME_CUDA_NOTHROW(cusolverDnDestroyParams(params_));
  RANKME_CUDA_NOTHROW(cusolverDnDestroy(handle_));
}

// ---- resources ---------------------------------------------------------------------------------

namespace {

struct Pool {
  std::mutex mutex;
  std::map<int, std::vector<std::unique_ptr<Resources>>> idle;
  std::map<int, std::unique_ptr<Stream>> imports;
};

// Never destroyed: the driver may be gone when static objects are.
Pool& pool() {
  static Pool* made = new Pool;
  return *made;
}

}  // namespace

Resources::Resources(int device_) : device(device_), load(true), blas(work) {
  RANKME_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  std::size_t free = 0;
  std::size_t total = 0;
  RANKME_CUDA(cudaMemGetInfo(&free, &total));
  total_bytes = static_cast<std::int64_t>(total);
}

SolverHandle& Resources::solver() {
  if (!made_solver) made_solver = std::make_unique<SolverHandle>(work);
  return *made_solver;
}

void Resources::synchronize() const {
  copy.synchronize();
  load.synchronize();
  work.synchronize();
}

void Resources::drop_buffers() {
  for (auto& buffer : blocks) buffer = {};
  for (auto& buffer : pinned) buffer = {};
  for (auto& buffer : landed) buffer = {};
  scratch = {};
  products = {};
  flags = {};
  tile_pointers = {};
  solver_space = {};
  answer = {};
  probes.reset();
}

namespace {

int checked(int device) {
  require_device(device);
  return device;
}

}  // namespace

Lease::Lease(int device) : device_(checked(device)) {
  {
    Pool& shared = pool();
    const std::lock_guard lock(shared.mutex);
    auto& idle = shared.idle[device];
    if (!idle.empty()) {
      resources_ = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!resources_) resources_ = std::make_unique<Resources>(device);
}

Lease::~Lease() {
  try {
    resources_->synchronize();
    Pool& shared = pool();
    const std::lock_guard lock(shared.mutex);
    shared.idle[resources_->device].push_back(std::move(resources_));
  } catch (const std::exception& failure) {
    // A device in this state has lost all its memory; to destroy what lay there would only fail
    // again, and print more.
    detail::report(cudaPeekAtLastError(), failure.what());
    static_cast<void>(resources_.release());
  }
}

cudaStream_t import_stream(int device) {
  require_device(device);
  const DeviceSwitch current(device);
  Pool& shared = pool();
  const std::lock_guard lock(shared.mutex);
  auto& stream = shared.imports[device];
  if (!stream) stream = std::make_unique<Stream>();
  return *stream;
}

void wait_for_producer(Resources& resources, std::optional<std::uintptr_t> producer) {
  const auto hold_back = [&](cudaStream_t stream) {
    resources.begin.record(stream);
    resources.begin.hold_back(resources.copy);
    resources.begin.hold_back(resources.load);
    resources.begin.hold_back(resources.work);
  };
  hold_back(import_stream(resources.device));
  if (!producer) return;
  // The CUDA array interface's numbers are the runtime's own handles of those two streams.
  hold_back(reinterpret_cast<cudaStream_t>(*producer));  // NOLINT: a handle that came as a number
}

void trim(int device) noexcept {
  try {
    Pool& shared = pool();
    const std::lock_guard lock(shared.mutex);
    for (const auto& resources : shared.idle[device]) resources->drop_buffers();
  } catch (...) {
    // No memory to find out what could be freed: then nothing is.
  }
}

// ---- buffers -----------------------------------------------------------------------------------

namespace detail {

namespace {

std::string on_gpu(const std::string& purpose, int device) {
  return purpose + " on cuda:" + std::to_string(device);
}

}  // namespace

void* allocate_device(double bytes, const std::string& purpose) {
  int device = 0;
  RANKME_CUDA(cudaGetDevice(&device));
  if (bytes > 0x1p62) throw OutOfMemory(on_gpu(purpose, device), bytes);
  void* data = nullptr;
  cudaError_t status = cudaMalloc(&data, static_cast<std::size_t>(bytes));
  if (status == cudaErrorMemoryAllocation) {
    trim(device);
    status = cudaMalloc(&data, static_cast<std::size_t>(bytes));
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemory(on_gpu(purpose, device), bytes);
  }
  check(status, "cudaMalloc(&data, bytes)");
  return data;
}

void free_device(void* data) noexcept {
  if (data != nullptr && !forked()) RANKME_CUDA_NOTHROW(cudaFree(data));
}

void* allocate_pinned(double bytes, const std::string& purpose) {
  if (bytes > 0x1p62) throw OutOfMemory(purpose, bytes);
  void* data = nullptr;
  const cudaError_t status =
      cudaHostAlloc(&data, static_cast<std::size_t>(bytes), cudaHostAllocPortable);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemory("pinned host memory for " + purpose, bytes);
  }
  check(status, "cudaHostAlloc(&data, bytes, cudaHostAllocPortable)");
  return data;
}

void free_pinned(void* data) noexcept {
  if (data != nullptr && !forked()) RANKME_CUDA_NOTHROW(cudaFreeHost(data));
}

}  // namespace detail

}  // namespace rankme::cuda
