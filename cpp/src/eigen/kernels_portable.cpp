#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels.hpp"
#include "multiversion.hpp"

#define RANKME_KERNELS portable
#define RANKME_LANES 2
#include "kernel_bodies.hpp"
