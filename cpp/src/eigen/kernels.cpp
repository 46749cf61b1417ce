#include "kernels.hpp"

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

Kinds<Kernels> kinds_of_kernels() {
#if RANKME_HAS_MULTIVERSION
  return Kinds(portable::table, v3::table, v4::table);
#else
  return Kinds(portable::table);
#endif
}

const Kernels& kernels() {
  static const Kernels& best = kinds_of_kernels().best();
  return best;
}

}  // namespace rankme
