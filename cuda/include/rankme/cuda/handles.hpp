// Streams, library handles and work space, owned, and borrowed for one operation.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "rankme/cuda/buffer.hpp"
#include "rankme/cuda/device.hpp"

namespace rankme::cuda {

struct DeviceProbes;

// All of them belong to the device that was current when they were made.
class Stream {
public:
  // Does not wait for the legacy default stream. urgent: its kernels go first where both wait.
  explicit Stream(bool urgent = false);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }
  void synchronize() const;

private:
  cudaStream_t stream_ = nullptr;
};

class Event {
public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(cudaStream_t stream) const;
  // What comes later on `stream` waits for the last record. Nothing to wait for before the first.
  void hold_back(cudaStream_t stream) const;
  // The calling thread waits.
  void synchronize() const;

private:
  cudaEvent_t event_ = nullptr;
};

// In the default math mode, in which calls on doubles know no TF32 and emulate nothing. Whoever
// sets CUBLAS_EMULATE_DOUBLE_PRECISION asks for it; the probes measure what comes of it.
class BlasHandle {
public:
  explicit BlasHandle(cudaStream_t stream);
  ~BlasHandle();
  BlasHandle(const BlasHandle&) = delete;
  BlasHandle& operator=(const BlasHandle&) = delete;
  operator cublasHandle_t() const { return handle_; }

private:
  cublasHandle_t handle_ = nullptr;
};

class SolverHandle {
public:
  explicit SolverHandle(cudaStream_t stream);
  ~SolverHandle();
  SolverHandle(const SolverHandle&) = delete;
  SolverHandle& operator=(const SolverHandle&) = delete;
  operator cusolverDnHandle_t() const { return handle_; }
  cusolverDnParams_t params() const { return params_; }

private:
  cusolverDnHandle_t handle_ = nullptr;
  cusolverDnParams_t params_ = nullptr;
};

// What one operation needs on one device. `copy` brings rows from the host, `load` converts and
// checks them, `work` multiplies. Buffers keep their size from one operation to the next.
struct Resources {
  explicit Resources(int device);

  SolverHandle& solver();  // on work; made when first asked for
  void synchronize() const;
  void drop_buffers();

  int device;
  int multiprocessors = 0;
  std::int64_t total_bytes = 0;  // of the device's memory
  Stream copy;
  Stream load;
  Stream work;
  BlasHandle blas;  // on work
  std::unique_ptr<SolverHandle> made_solver;

  Event begin;
  std::array<Event, 2> converted;   // the block is ready for the products
  std::array<Event, 2> multiplied;  // and may be overwritten
  std::array<Event, 3> copied;      // pinned may be filled again, and landed be read
  std::array<Event, 3> consumed;    // landed may be overwritten

  std::array<DeviceBuffer<double>, 2> blocks;
  std::array<PinnedBuffer<std::byte>, 3> pinned;
  std::array<DeviceBuffer<std::byte>, 3> landed;  // what was copied from pinned
  DeviceBuffer<double> scratch;                   // of probes and reductions, on load
  DeviceBuffer<double> products;                  // of tiles, on work
  DeviceBuffer<std::uint64_t> flags;              // what the rows were found to be, on load
  DeviceBuffer<double*> tile_pointers;
  DeviceBuffer<std::byte> solver_space;
  PinnedBuffer<double> answer;  // small results on their way to the host
  // Of the last one-shot call: drawing them anew would take longer than its products.
  std::shared_ptr<const DeviceProbes> probes;
};

// Borrows resources of the device, makes the device current, and at its end waits for all streams
// and gives the resources back, also when an exception passes. As many sets of them exist as were
// ever used at the same time.
class Lease {
public:
  // Throws where there is no such device (require_device).
  explicit Lease(int device);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Resources* operator->() const { return resources_.get(); }
  Resources& operator*() const { return *resources_; }

private:
  DeviceSwitch device_;
  std::unique_ptr<Resources> resources_;
};

// The stream on which imported arrays are promised to be ready (DLPack's `stream`): one a device,
// for the life of the process.
cudaStream_t import_stream(int device);

// Makes their streams wait for what was promised on the import stream and, where it is named, for
// what `producer` has been given so far (1: the legacy default stream, 2: the per-thread one,
// otherwise a cudaStream_t, as in the CUDA array interface).
void wait_for_producer(Resources& resources, std::optional<std::uintptr_t> producer);

// Frees the buffers of the device's idle resources. Safe while others are in use.
void trim(int device) noexcept;

}  // namespace rankme::cuda
