#include <algorithm>

#include "multiversion.hpp"
#include "product_kernels.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v3")
#define RANKME_KERNELS product_v3
#define RANKME_LANES 4
#include "product_body.hpp"
#endif
