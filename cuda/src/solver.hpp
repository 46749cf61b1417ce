// Calls of cuSOLVER's 64-bit interface: work space, and the info that they leave on the device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rankme/cuda/handles.hpp"

namespace rankme::cuda {

// The device part of a routine's work space, with room for an info, and the host part.
class SolverSpace {
public:
  SolverSpace(Resources& resources, std::size_t device_bytes, std::size_t host_bytes);
  void* device() const { return resources_.solver_space.data() + info_room; }
  std::size_t device_bytes() const { return device_bytes_; }
  void* host() { return host_.data(); }
  std::size_t host_bytes() const { return host_.size(); }
  int* info() const { return reinterpret_cast<int*>(resources_.solver_space.data()); }
  // Waits for the work stream. Throws where the routine did not succeed.
  void check_info(const char* routine, const char* meaning) const;

private:
  static constexpr std::int64_t info_room = 256;  // and what follows is still aligned

  Resources& resources_;
  std::size_t device_bytes_;
  std::vector<std::byte> host_;
};

}  // namespace rankme::cuda
