#include <algorithm>

#include "multiversion.hpp"
#include "product_kernels.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v4")
#define RANKME_KERNELS product_v4
#define RANKME_LANES 8
#include "product_body.hpp"
#endif
