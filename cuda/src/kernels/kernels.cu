// The only file in nvcc's language. Each header holds the kernels of one concern and the functions
// that launch them.
#include "batch_kernels.cuh"
#include "factors.cuh"
#include "probes.cuh"
#include "rows.cuh"
#include "sums.cuh"
