#include "product_kernels.hpp"

#include "multiversion.hpp"

namespace rankme {

namespace product_portable {
extern const ProductKernels table;
}
#if RANKME_HAS_MULTIVERSION
namespace product_v3 {
extern const ProductKernels table;
}
namespace product_v4 {
extern const ProductKernels table;
}
#endif

int available_product_kernels(NamedProductKernels (&found)[most_product_kernels]) {
  int count = 0;
  found[count++] = {"portable", &product_portable::table};
#if RANKME_HAS_MULTIVERSION
  if (__builtin_cpu_supports("x86-64-v3")) found[count++] = {"AVX2", &product_v3::table};
  if (__builtin_cpu_supports("x86-64-v4")) found[count++] = {"AVX-512", &product_v4::table};
#endif
  return count;
}

const ProductKernels& product_kernels() {
  static const ProductKernels& best = []() -> const ProductKernels& {
    NamedProductKernels found[most_product_kernels];
    return *found[available_product_kernels(found) - 1].kernels;
  }();
  return best;
}

}  // namespace rankme
