#include "kernels.hpp"

#include "multiversion.hpp"

namespace rankme {

namespace portable {
extern const Kernels table;
}
#if RANKME_HAS_MULTIVERSION
namespace v3 {
extern const Kernels table;
}
namespace v4 {
extern const Kernels table;
}
#endif

int available_kernels(NamedKernels (&found)[most_kernels]) {
  int count = 0;
  found[count++] = {"portable", &portable::table};
#if RANKME_HAS_MULTIVERSION
  if (__builtin_cpu_supports("x86-64-v3")) found[count++] = {"AVX2", &v3::table};
  if (__builtin_cpu_supports("x86-64-v4")) found[count++] = {"AVX-512", &v4::table};
#endif
  return count;
}

const Kernels& kernels() {
  static const Kernels& best = []() -> const Kernels& {
    NamedKernels found[most_kernels];
    return *found[available_kernels(found) - 1].kernels;
  }();
  return best;
}

}  // namespace rankme
