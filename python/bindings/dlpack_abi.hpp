// The memory layout of DLPack 1.x and of the form before it, declared anew from its specification
// (https://dmlc.github.io/dlpack/latest/c_api.html) for want of a header that every build has.
#pragma once

#include <cstdint>

namespace rankme::dlpack {

enum DeviceCode : std::int32_t {
  cpu = 1,
  cuda = 2,
  cuda_host = 3,
  opencl = 4,
  vulkan = 7,
  metal = 8,
  vpi = 9,
  rocm = 10,
  rocm_host = 11,
  ext_dev = 12,
  cuda_managed = 13,
  one_api = 14,
  web_gpu = 15,
  hexagon = 16,
  maia = 17,
  trainium = 18,
};

enum TypeCode : std::uint8_t {
  signed_int = 0,
  unsigned_int = 1,
  floating = 2,
  opaque = 3,
  bfloat = 4,
  complex = 5,
  boolean = 6,
};

struct Tensor {
  void* data;
  std::int32_t device_code;
  std::int32_t device_id;
  std::int32_t ndim;
  std::uint8_t type_code;
  std::uint8_t type_bits;
  std::uint16_t type_lanes;
  std::int64_t* shape;
  std::int64_t* strides;  // in entries; null is C order
  std::uint64_t byte_offset;
};

// In a capsule named "dltensor".
struct Managed {
  static constexpr const char* fresh = "dltensor";
  static constexpr const char* used = "used_dltensor";
  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};

// In a capsule named "dltensor_versioned". Version and deleter keep their places in every version.
struct ManagedVersioned {
  static constexpr const char* fresh = "dltensor_versioned";
  static constexpr const char* used = "used_dltensor_versioned";
  std::uint32_t major;
  std::uint32_t minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Tensor tensor;
};

static_assert(sizeof(void*) != 8 ||
              (sizeof(Tensor) == 48 && sizeof(Managed) == 64 && sizeof(ManagedVersioned) == 80));

}  // namespace rankme::dlpack
