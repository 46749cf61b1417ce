// Ranges of rows over threads.
#pragma once

#include <cstdint>
#include <functional>

namespace rankme {

// Cuts [0, count) into `workers` ranges of equal length to within one and calls
// body(worker, begin, end) for each, the first on the calling thread. Hold a SingleThreadedBlas
// where the body calls BLAS. The cut depends on the arguments alone, so results repeat to the last
// bit. The first exception of any worker is rethrown once all have ended.
void parallel_ranges(std::int64_t count, int workers,
                     const std::function<void(int, std::int64_t, std::int64_t)>& body);

// What each of those threads calls before its body; threads.cpp sets BLAS up with it. One for the
// process.
void at_thread_start(void (*start)());

}  // namespace rankme
