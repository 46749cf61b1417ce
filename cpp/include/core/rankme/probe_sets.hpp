// The probes of an accumulator, which may come to need more of them than it began with.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "rankme/probe.hpp"

namespace rankme {

// What get() returns stays where it is, and its first set the same. Only widen() is not to be
// called by several threads at once.
class ProbeSets {
public:
  ProbeSets(std::int64_t dim, std::uint64_t seed, int sets)
      : dim_(dim), sets_(sets), first_(gaussian_probes(dim, seed, sets)) {}

  const std::vector<double>& get() const { return wide_ ? more_ : first_; }
  int count() const { return wide_ ? float_probe_sets(dim_) : sets_; }
  // all: those of sums in float32. Once.
  void widen(std::vector<double> all) {
    more_ = std::move(all);
    wide_ = true;
  }

private:
  std::int64_t dim_;
  int sets_;
  std::vector<double> first_, more_;
  std::atomic<bool> wide_ = false;
};

}  // namespace rankme
