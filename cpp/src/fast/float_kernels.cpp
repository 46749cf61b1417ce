#include "float_kernels.hpp"

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

Kinds<FloatKernels> kinds_of_float_kernels() {
#if RANKME_HAS_MULTIVERSION
  return Kinds(float_portable::table, float_v3::table, float_v4::table);
#else
  return Kinds(float_portable::table);
#endif
}

const FloatKernels& float_kernels() {
  static const FloatKernels& best = kinds_of_float_kernels().best();
  return best;
}

}  // namespace rankme
