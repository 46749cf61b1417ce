// The only file in nvcc's language. Each header holds the kernels of one concern and the functions
// that launch them.
#include "rows.cuh"

#include "probes.cuh"

#include "sums.cuh"

#include "factors.cuh"

#include "batch_kernels.cuh"
