/* What a wheel for glibc 2.28 needs beside that glibc; linked into the extension module, and hidden
   there so that it is nobody else's. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* GCC 12's static libstdc++ takes these two from glibc 2.32 and 2.36. 0: there may be threads. */
HIDDEN char __libc_single_threaded = 0;

HIDDEN uint32_t arc4random(void) {
  uint32_t value;
  while (getrandom(&value, sizeof value, 0) != sizeof value)
    if (errno != EINTR) abort();
  return value;
}

/* glibc 2.29 has these functions, of the same values, under a new version without the error handling
   of SVID. Every glibc still has the old ones. */
#define OLD_1(name)                                   \
  double old_##name(double x);                        \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5"); \
  HIDDEN double name(double x) { return old_##name(x); }
#define OLD_2(name)                                   \
  double old_##name(double x, double y);              \
  __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5"); \
  HIDDEN double name(double x, double y) { return old_##name(x, y); }

OLD_1(exp)
OLD_1(exp2)
OLD_1(log)
OLD_1(log2)
OLD_2(pow)
