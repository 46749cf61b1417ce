#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.hpp"
#include "multiversion.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v4")
#define RANKME_KERNELS v4
#define RANKME_LANES 8
#include "kernel_bodies.hpp"
#endif
