// Memory of the device, and host memory that the device can read by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace rankme::cuda {

namespace detail {

// On the current device. Plain cudaMalloc and not the stream-ordered allocator: its pool and the
// pool's settings would be shared with every other library of the process. What is used again and
// again is kept in a Lease, so that a warm call allocates nothing large. Where memory is short,
// idle leases of the device give theirs back before OutOfMemory is thrown.
void* allocate_device(double bytes, const std::string& purpose);
void free_device(void* data) noexcept;
void* allocate_pinned(double bytes, const std::string& purpose);
void free_pinned(void* data) noexcept;

template <class T, void* (*allocate)(double, const std::string&), void (*release)(void*) noexcept>
class Buffer {
public:
  Buffer() = default;
  // Of `count` entries that hold anything. Throws OutOfMemory, naming the purpose.
  Buffer(std::int64_t count, const std::string& purpose)
      : data_(count > 0 ? static_cast<T*>(allocate(
                              static_cast<double>(sizeof(T)) * static_cast<double>(count), purpose))
                        : nullptr),
        size_(count) {}
  ~Buffer() { release(data_); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // At least `count` entries; what was in it is lost where it grows.
  void reserve(std::int64_t count, const std::string& purpose) {
    if (count <= size_) return;
    *this = Buffer();  // both at once may not fit
    *this = Buffer(count, purpose);
  }
  T* data() const { return data_; }
  std::int64_t size() const { return size_; }

private:
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace detail

// Freed by any thread, whatever device is current. Nothing may still use it: cudaFree waits for the
// device, but a buffer that moved into a Lease is not freed at all.
template <class T>
using DeviceBuffer = detail::Buffer<T, &detail::allocate_device, &detail::free_device>;
template <class T>
using PinnedBuffer = detail::Buffer<T, &detail::allocate_pinned, &detail::free_pinned>;

}  // namespace rankme::cuda
