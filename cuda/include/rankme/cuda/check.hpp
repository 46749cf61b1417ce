// Every call into CUDA goes through one of two macros: one throws with the text of the call, the
// other, for destructors, prints it.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include <stdexcept>

namespace rankme::cuda {

// A call into CUDA, cuBLAS or cuSOLVER failed. Running out of memory is rankme::OutOfMemory.
class CudaError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

namespace detail {

void check(cudaError_t status, const char* call);
void check(cublasStatus_t status, const char* call);
void check(cusolverStatus_t status, const char* call);
void report(cudaError_t status, const char* call) noexcept;
void report(cublasStatus_t status, const char* call) noexcept;
void report(cusolverStatus_t status, const char* call) noexcept;

}  // namespace detail

}  // namespace rankme::cuda

#define RANKME_CUDA(call) ::rankme::cuda::detail::check((call), #call)
#define RANKME_CUDA_NOTHROW(call) ::rankme::cuda::detail::report((call), #call)
