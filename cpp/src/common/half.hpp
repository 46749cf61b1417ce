// Float16 into doubles, in the widest registers that the processor has. The compiler makes vector
// code of every other format by itself. Private to cpp/src, and to the test, which holds all paths
// to the definition.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rankme::half {

enum class Path { portable, f16c, avx512 };

// Whether this build and this processor have it.
bool available(Path path);
Path best_path();

// Writes `count` contiguous numbers to `to` and returns the largest magnitude among them, as bits.
// Subnormals are read whether or not this thread flushes them to zero.
using Line = std::uint64_t (*)(const std::byte* from, std::int64_t count, double* to);

// The path must be available.
Line line(Path path);

}  // namespace rankme::half
