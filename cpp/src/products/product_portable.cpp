#include <algorithm>

#include "multiversion.hpp"
#include "product_kernels.hpp"

#define RANKME_KERNELS product_portable
#define RANKME_LANES 2
#include "product_body.hpp"
