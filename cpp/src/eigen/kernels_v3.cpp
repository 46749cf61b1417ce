#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.hpp"
#include "multiversion.hpp"

#if RANKME_HAS_MULTIVERSION
#pragma GCC target("arch=x86-64-v3")
#define RANKME_KERNELS v3
#define RANKME_LANES 4
#include "kernel_bodies.hpp"
#endif
