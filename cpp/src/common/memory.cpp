#include "rankme/memory.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace rankme {

void offer_large_pages(void* memory, std::size_t bytes) {
#ifdef __linux__
  constexpr std::uintptr_t page = 2 << 20;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  static_cast<void>(memory);
  static_cast<void>(bytes);
#endif
}

}  // namespace rankme
