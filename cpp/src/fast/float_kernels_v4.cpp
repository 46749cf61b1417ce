#include <algorithm>

#include "float_kernels.hpp"
#include "multiversion.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v4")
#define RANKME_KERNELS float_v4
#define RANKME_LANES 16
#include "float_kernel_body.hpp"
#endif
