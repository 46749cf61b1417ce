// Sizes that fit, large buffers, and the error that tells how much was wanted.
#pragma once

#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "rankme/error.hpp"

namespace rankme {

// dim itself, where LAPACK's integers can hold it.
inline std::int64_t valid_dim(std::int64_t dim) {
  if (dim < 1 || dim > std::numeric_limits<int>::max()) {
    throw std::invalid_argument("dim must be between 1 and 2147483647, got " + std::to_string(dim));
  }
  return dim;
}

// What the inner loops read and write begins on a cache line, so that no register's worth of it
// lies on two.
template <class T>
struct OnCacheLine {
  using value_type = T;
  static constexpr std::align_val_t line{64};

  OnCacheLine() = default;
  template <class U>
  OnCacheLine(const OnCacheLine<U>&) {}
  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), line));
  }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, line); }
  bool operator==(const OnCacheLine&) const { return true; }
};
using AlignedDoubles = std::vector<double, OnCacheLine<double>>;

// Asks for large pages under memory that has not been touched yet. A matrix that BLAS goes through
// by rows and by columns lies on more small ones than the processor finds at once. The system may
// decline; little memory is left as it is.
void offer_large_pages(void* memory, std::size_t bytes);

// rows * cols zeros. Throws OutOfMemory, naming the purpose, where they cannot be had.
template <class Doubles = std::vector<double>>
Doubles zeros(std::int64_t rows, std::int64_t cols, const std::string& purpose) {
  const double bytes = 8.0 * static_cast<double>(rows) * static_cast<double>(cols);
  // Past 2^62 bytes the product below would wrap before any allocator could refuse it.
  if (bytes > 0x1p62) throw OutOfMemory(purpose, bytes);
  try {
    const auto count = static_cast<std::size_t>(rows * cols);
    Doubles values;
    values.reserve(count);
    offer_large_pages(values.data(), count * sizeof(double));
    values.resize(count);
    return values;
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(purpose, bytes);
  }
}

}  // namespace rankme
