// Which GPUs there are, and how a call leaves the caller's choice of one as it was.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rankme::cuda {

// How many GPUs there are. 0 where there is no driver, no GPU, or a process that was forked after
// CUDA had been started. Never throws.
int device_count() noexcept;

struct DeviceInfo {
  std::string name;
  int major;  // of the compute capability
  int minor;
  std::size_t total_bytes;
  std::size_t free_bytes;
  int multiprocessors;
};
// Makes a context on the device, since only that knows how much is free.
DeviceInfo device_info(int device);

// Of the driver and the libraries in use: ("driver", "13.0"), ("runtime", ...), ("cublas", ...),
// ("cusolver", ...). Those that need a GPU to tell are left out where there is none.
std::vector<std::pair<std::string, std::string>> library_versions();

// Throws where there is no such device, and in a process that was forked after CUDA had been
// started. What starts any work on a device calls it first.
void require_device(int device);

// The device that an address belongs to. Throws where it is none of a device.
int device_of(const void* data);

// Whether this process was forked from one in which CUDA had been started. What was allocated there
// can be neither used nor freed here.
bool forked() noexcept;

// Makes a device current for its own lifetime, and the caller's current again afterwards.
class DeviceSwitch {
public:
  explicit DeviceSwitch(int device);
  ~DeviceSwitch();
  DeviceSwitch(const DeviceSwitch&) = delete;
  DeviceSwitch& operator=(const DeviceSwitch&) = delete;

private:
  int before_ = 0;
  bool changed_ = false;
};

// The same for destructors: prints what fails, and does nothing in a forked process.
class QuietSwitch {
public:
  explicit QuietSwitch(int device) noexcept;
  ~QuietSwitch();
  QuietSwitch(const QuietSwitch&) = delete;
  QuietSwitch& operator=(const QuietSwitch&) = delete;

private:
  int before_ = -1;
};

}  // namespace rankme::cuda
