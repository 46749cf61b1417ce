#include "rankme/cuda/check.hpp"

#include <cstdio>
#include <string>

#include "rankme/error.hpp"

namespace rankme::cuda::detail {

namespace {

std::string describe(cudaError_t status, const char* call) {
  std::string text = std::string("CUDA: ") + call + " returned " + cudaGetErrorName(status) + ": " +
                     cudaGetErrorString(status);
  if (status == cudaErrorInitializationError) {
    text += " (a forked process cannot use the CUDA that its parent started: start it by 'spawn')";
  }
  return text;
}

std::string describe(cublasStatus_t status, const char* call) {
  return std::string("cuBLAS: ") + call + " returned " + cublasGetStatusName(status) + ": " +
         cublasGetStatusString(status);
}

const char* name_of(cusolverStatus_t status) {
  switch (status) {
    case CUSOLVER_STATUS_NOT_INITIALIZED:
      return "CUSOLVER_STATUS_NOT_INITIALIZED";
    case CUSOLVER_STATUS_ALLOC_FAILED:
      return "CUSOLVER_STATUS_ALLOC_FAILED";
    case CUSOLVER_STATUS_INVALID_VALUE:
      return "CUSOLVER_STATUS_INVALID_VALUE";
    case CUSOLVER_STATUS_ARCH_MISMATCH:
      return "CUSOLVER_STATUS_ARCH_MISMATCH";
    case CUSOLVER_STATUS_EXECUTION_FAILED:
      return "CUSOLVER_STATUS_EXECUTION_FAILED";
    case CUSOLVER_STATUS_INTERNAL_ERROR:
      return "CUSOLVER_STATUS_INTERNAL_ERROR";
    case CUSOLVER_STATUS_NOT_SUPPORTED:
      return "CUSOLVER_STATUS_NOT_SUPPORTED";
    default:
      return "an unnamed status";
  }
}

std::string describe(cusolverStatus_t status, const char* call) {
  return std::string("cuSOLVER: ") + call + " returned " + name_of(status) + " (" +
         std::to_string(static_cast<int>(status)) + ")";
}

bool out_of_memory(cudaError_t status) { return status == cudaErrorMemoryAllocation; }
bool out_of_memory(cublasStatus_t status) { return status == CUBLAS_STATUS_ALLOC_FAILED; }
bool out_of_memory(cusolverStatus_t status) { return status == CUSOLVER_STATUS_ALLOC_FAILED; }

template <class Status>
void throw_unless(bool ok, Status status, const char* call) {
  if (ok) return;
  // The failure is told once, here; the next launch must not find it again.
  cudaGetLastError();
  const std::string text = describe(status, call);
  if (out_of_memory(status)) throw OutOfMemory(text);
  throw CudaError(text);
}

template <class Status>
void print_unless(bool ok, Status status, const char* call) noexcept {
  if (ok) return;
  cudaGetLastError();
  try {
    std::fprintf(stderr, "rankme: %s\n", describe(status, call).c_str());
  } catch (...) {
    std::fputs("rankme: a CUDA call failed\n", stderr);
  }
}

}  // namespace

void check(cudaError_t status, const char* call) {
  throw_unless(status == cudaSuccess, status, call);
}
void check(cublasStatus_t status, const char* call) {
  throw_unless(status == CUBLAS_STATUS_SUCCESS, status, call);
}
void check(cusolverStatus_t status, const char* call) {
  throw_unless(status == CUSOLVER_STATUS_SUCCESS, status, call);
}

void report(cudaError_t status, const char* call) noexcept {
  // At the exit of the process the driver may be gone before us.
  print_unless(status == cudaSuccess || status == cudaErrorCudartUnloading, status, call);
}
void report(cublasStatus_t status, const char* call) noexcept {
  print_unless(status == CUBLAS_STATUS_SUCCESS, status, call);
}
void report(cusolverStatus_t status, const char* call) noexcept {
  print_unless(status == CUSOLVER_STATUS_SUCCESS, status, call);
}

}  // namespace rankme::cuda::detail
