#include <algorithm>

#include "float_kernels.hpp"
#include "multiversion.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v3")
#define RANKME_KERNELS float_v3
#define RANKME_LANES 8
#include "float_kernel_body.hpp"
#endif
