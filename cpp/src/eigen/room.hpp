// Memory that nobody has written to yet: its pages come to whoever writes first, which with several
// threads is not the calling one alone. Private to cpp/src/eigen.
#pragma once

#include <cstdint>
#include <memory>

#include "rankme/memory.hpp"

namespace rankme {

class Room {
public:
  // Throws OutOfMemory.
  explicit Room(std::int64_t count) {
    try {
      data_.reset(OnCacheLine<double>().allocate(static_cast<std::size_t>(count)));
    } catch (const std::bad_alloc&) {
      throw OutOfMemory("the eigenvalues' working copy", 8.0 * static_cast<double>(count));
    }
  }
  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }

private:
  struct Free {
    void operator()(double* data) const { OnCacheLine<double>().deallocate(data, 0); }
  };
  std::unique_ptr<double[], Free> data_;
};

}  // namespace rankme
