#include "float_kernels.hpp"

#include "multiversion.hpp"

namespace rankme {

namespace float_portable {
extern const FloatKernels table;
}
#if RANKME_HAS_MULTIVERSION
namespace float_v3 {
extern const FloatKernels table;
}
namespace float_v4 {
extern const FloatKernels table;
}
#endif

int available_float_kernels(NamedFloatKernels (&found)[most_float_kernels]) {
  int count = 0;
  found[count++] = {"portable", &float_portable::table};
#if RANKME_HAS_MULTIVERSION
  if (__builtin_cpu_supports("x86-64-v3")) found[count++] = {"AVX2", &float_v3::table};
  if (__builtin_cpu_supports("x86-64-v4")) found[count++] = {"AVX-512", &float_v4::table};
#endif
  return count;
}

const FloatKernels& float_kernels() {
  static const FloatKernels& best = []() -> const FloatKernels& {
    NamedFloatKernels found[most_float_kernels];
    return *found[available_float_kernels(found) - 1].kernels;
  }();
  return best;
}

}  // namespace rankme
