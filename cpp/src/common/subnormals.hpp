// Subnormal numbers as what they are. Private to cpp/src.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace rankme {

#if defined(__SSE2__)
// Reads subnormal numbers as what they are, in a thread in which somebody had them flushed to zero.
class SubnormalsKept {
public:
  SubnormalsKept() : before_(_mm_getcsr()) { _mm_setcsr(before_ & ~flush_and_zero); }
  ~SubnormalsKept() { _mm_setcsr(before_); }
  SubnormalsKept(const SubnormalsKept&) = delete;
  SubnormalsKept& operator=(const SubnormalsKept&) = delete;

private:
  static constexpr unsigned flush_and_zero = 0x8040;
  unsigned before_;
};
#else
class SubnormalsKept {};
#endif

}  // namespace rankme
