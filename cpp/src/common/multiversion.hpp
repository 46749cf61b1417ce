// One build runs on every x86-64 processor: the compiler makes a marked function three times, and
// the loader picks the widest that the processor has. For plain loops over doubles only.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(RANKME_NO_MULTIVERSION)
#define RANKME_HAS_MULTIVERSION 1
#define RANKME_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RANKME_HAS_MULTIVERSION 0
#define RANKME_MULTIVERSION
#endif
#define RANKME_INLINE inline __attribute__((always_inline))
