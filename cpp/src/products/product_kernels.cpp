#include "product_kernels.hpp"

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

Kinds<ProductKernels> kinds_of_product_kernels() {
#if RANKME_HAS_MULTIVERSION
  return Kinds(product_portable::table, product_v3::table, product_v4::table);
#else
  return Kinds(product_portable::table);
#endif
}

const ProductKernels& product_kernels() {
  static const ProductKernels& best = kinds_of_product_kernels().best();
  return best;
}

}  // namespace rankme
