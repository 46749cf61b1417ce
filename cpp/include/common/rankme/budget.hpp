// What work is worth a thread, and how much memory an accumulator may take beside its matrix.
#pragma once

#include <cstdint>

namespace rankme {

// A thread that has fewer multiplications than this costs more to start than it saves.
constexpr double least_work = 4e6;

// For the sums of threads and for blocks of rows.
constexpr std::int64_t spare_bytes = std::int64_t{32} << 20;

}  // namespace rankme
