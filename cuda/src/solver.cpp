#include "solver.hpp"

#include <string>

#include "rankme/cuda/check.hpp"
#include "rankme/cuda/spectrum.hpp"

namespace rankme::cuda {

SolverSpace::SolverSpace(Resources& resources, std::size_t device_bytes, std::size_t host_bytes)
    : resources_(resources), device_bytes_(device_bytes), host_(host_bytes) {
  resources.solver_space.reserve(info_room + static_cast<std::int64_t>(device_bytes),
                                 "cuSOLVER's work space");
}

void SolverSpace::check_info(const char* routine, const char* meaning) const {
  int value = 0;
  RANKME_CUDA(
      cudaMemcpyAsync(&value, info(), sizeof value, cudaMemcpyDeviceToHost, resources_.work));
  resources_.work.synchronize();
  if (value == 0) return;
  throw CudaError(std::string("cuSOLVER: ") + routine +
                  " returned info = " + std::to_string(value) + ": " +
                  (value < 0 ? "an argument had an illegal value" : meaning));
}

std::vector<double> symmetric_eigenvalues(Resources& resources, double* matrix, std::int64_t n) {
  const SolverHandle& solver = resources.solver();
  const DeviceBuffer<double> values(n, "eigenvalues");
  std::size_t device_bytes = 0;
  std::size_t host_bytes = 0;
  RANKME_CUDA(cusolverDnXsyevd_bufferSize(
      solver, solver.params(), CUSOLVER_EIG_MODE_NOVECTOR, CUBLAS_FILL_MODE_UPPER, n, CUDA_R_64F,
      matrix, n, CUDA_R_64F, values.data(), CUDA_R_64F, &device_bytes, &host_bytes));
  SolverSpace space(resources, device_bytes, host_bytes);
  RANKME_CUDA(cusolverDnXsyevd(solver, solver.params(), CUSOLVER_EIG_MODE_NOVECTOR,
                               CUBLAS_FILL_MODE_UPPER, n, CUDA_R_64F, matrix, n, CUDA_R_64F,
                               values.data(), CUDA_R_64F, space.device(), space.device_bytes(),
                               space.host(), space.host_bytes(), space.info()));
  space.check_info("cusolverDnXsyevd", "off-diagonal elements did not converge to zero");
  std::vector<double> ascending(static_cast<std::size_t>(n));
  RANKME_CUDA(cudaMemcpyAsync(ascending.data(), values.data(), ascending.size() * sizeof(double),
                              cudaMemcpyDeviceToHost, resources.work));
  resources.work.synchronize();
  return ascending;
}

}  // namespace rankme::cuda
