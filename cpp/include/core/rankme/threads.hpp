// How many threads a computation may use: our own threads, with a single-threaded BLAS in each.
#pragma once

#include <string>

#include "rankme/parallel.hpp"

namespace rankme {

// The thread budget: what OpenBLAS is set to at this moment, so that RANKME_NUM_THREADS,
// OPENBLAS_NUM_THREADS and threadpoolctl all reach it. At least 1.
int num_threads();
void set_num_threads(int count);

// While one lives, num_threads() is 1 on its thread: for a worker whose work has workers of its
// own.
class OneThread {
public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

private:
  bool before_;
};

struct BlasConfig {
  std::string build;      // OpenBLAS's own description of itself
  std::string core;       // the kernel set that it chose for this processor
  std::string threading;  // "single", "pthreads" or "openmp"
  std::string library;    // the file that the symbols came from
};
BlasConfig blas_config();

// Lives around every call into BLAS or LAPACK. While one does, BLAS runs on the thread that makes
// the call: its own threads spin where they meet, and cost others their cores. So there is no way
// to have it use them. The last one to go restores the budget. A fork of the process, and its exit,
// wait until none is under way; and no more run at a time than OpenBLAS has buffers for. Calls do
// not nest.
class BlasCall {
public:
  BlasCall();
  ~BlasCall();
  BlasCall(const BlasCall&) = delete;
  BlasCall& operator=(const BlasCall&) = delete;
};

}  // namespace rankme
