// Inner loops that are made for each kind of processor, as tables of functions, and which of the
// tables this processor can run.
#pragma once

#include "multiversion.hpp"

namespace rankme {

template <typename Table>
struct Kind {
  const char* name;
  const Table* table;
};

// The kinds that this processor can run, the best one last.
template <typename Table>
class Kinds {
public:
  explicit Kinds(const Table& portable) { add("portable", portable); }
#if RANKME_HAS_MULTIVERSION
  Kinds(const Table& portable, const Table& v3, const Table& v4) : Kinds(portable) {
    if (__builtin_cpu_supports("x86-64-v3")) add("AVX2", v3);
    if (__builtin_cpu_supports("x86-64-v4")) add("AVX-512", v4);
  }
#endif

  const Kind<Table>* begin() const { return kinds_; }
  const Kind<Table>* end() const { return kinds_ + count_; }
  const Table& best() const { return *kinds_[count_ - 1].table; }

private:
  void add(const char* name, const Table& table) { kinds_[count_++] = {name, &table}; }

  Kind<Table> kinds_[3];
  int count_ = 0;
};

}  // namespace rankme
