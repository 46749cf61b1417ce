#include <algorithm>

#include "float_kernels.hpp"
#include "multiversion.hpp"

#define RANKME_KERNELS float_portable
#define RANKME_LANES 4
#include "float_kernel_body.hpp"
