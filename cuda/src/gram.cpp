#include "rankme/cuda/gram.hpp"

#include <utility>

#include "rankme/cuda/check.hpp"
#include "rankme/cuda/spectrum.hpp"
#include "rankme/memory.hpp"

namespace rankme::cuda {

struct GramAccumulator::OnDevice {
  OnDevice(std::int64_t dim, std::uint64_t seed) : sum(dim), aside(dim), probes(dim, seed) {}
  DeviceSum sum;
  DeviceSum aside;  // of one update, until all of its rows have turned out to be good
  DeviceProbes probes;
};

GramAccumulator::GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, int device,
                                 Precision precision)
    : dim_(valid_dim(dim)), normalize_(normalize), seed_(seed), device_(device) {
  Lease resources(device);
  options_.plan = choose_syrk(dim, resources->multiprocessors);
  options_.precision = precision;
  state_ = std::make_unique<OnDevice>(dim, seed);
  state_->sum.clear(resources->work);
}

GramAccumulator::GramAccumulator(const GramSum& sum, std::int64_t n_rows, bool normalize,
                                 std::uint64_t seed, int device, Precision precision,
                                 ShardRows shards)
    : GramAccumulator(sum.dim, normalize, seed, device, precision) {
  Lease resources(device);
  state_->sum.from_host(sum, resources->work);
  ledger_ = {n_rows, std::move(shards)};
}

GramAccumulator::~GramAccumulator() {
  const QuietSwitch current(device_);
  state_.reset();
}

void GramAccumulator::update(const Source& source, const std::string* shard) {
  const MatrixView& z = source.view;
  require_width(z, dim_);
  const std::lock_guard lock(mutex_);
  if (z.rows == 0) return;
  LedgerEntry entry(ledger_, z.rows, shard);
  Lease resources(device_);
  wait_for_producer(*resources, source.producer);
  DeviceSum& aside = state_->aside;
  aside.exponent = state_->sum.exponent;
  aside.zero = state_->sum.zero;
  DevicePreparation preparation;
  preparation.normalize = normalize_;
  const PassFacts facts =
      gram_pass(*resources, source, preparation, state_->probes, options_, aside);
  state_->sum.add(aside, resources->work);
  resources->work.synchronize();
  entry.commit();
  if (facts.fast) fast_rows_ += z.rows;
}

void GramAccumulator::merge(const GramAccumulator& other) {
  require_mergeable(terms(), other.terms());
  // By way of the host, whichever devices they are on, so that the two locks are never held
  // together and merging with oneself doubles.
  Ledger added;
  const GramSum sum = other.total(&added.n_rows, &added.shards);
  const std::int64_t other_fast = other.fast_rows();
  const std::lock_guard lock(mutex_);
  ledger_.require_mergeable(added);
  Lease resources(device_);
  state_->aside.from_host(sum, resources->work);
  state_->sum.add(state_->aside, resources->work);
  resources->work.synchronize();
  ledger_.merge(added);
  fast_rows_ += other_fast;
}

void GramAccumulator::reset() {
  const std::lock_guard lock(mutex_);
  Lease resources(device_);
  state_->sum.clear(resources->work);
  resources->work.synchronize();
  ledger_.clear();
  fast_rows_ = 0;
}

std::int64_t GramAccumulator::n_rows() const {
  const std::lock_guard lock(mutex_);
  return ledger_.n_rows;
}

std::int64_t GramAccumulator::fast_rows() const {
  const std::lock_guard lock(mutex_);
  return fast_rows_;
}

ShardRows GramAccumulator::shards() const {
  const std::lock_guard lock(mutex_);
  return ledger_.shards;
}

GramSum GramAccumulator::total(std::int64_t* n_rows, ShardRows* shards) const {
  const std::lock_guard lock(mutex_);
  Lease resources(device_);
  GramSum sum = state_->sum.to_host(resources->work);
  *n_rows = ledger_.n_rows;
  if (shards != nullptr) *shards = ledger_.shards;
  return sum;
}

SingularValues GramAccumulator::spectrum(bool center, std::int64_t* n_rows) const {
  const std::lock_guard lock(mutex_);
  *n_rows = ledger_.n_rows;
  require_rows(*n_rows);
  Lease resources(device_);
  return spectrum_of(*resources, state_->sum, state_->probes, *n_rows, center, normalize_);
}

void GramAccumulator::set_products(std::int64_t tile, std::int64_t splits,
                                   std::int64_t block_bytes) {
  const std::lock_guard lock(mutex_);
  options_.plan = tile == 0 ? SyrkPlan{} : SyrkPlan{Syrk::tiles, tile, splits};
  options_.block_bytes = block_bytes;
}

}  // namespace rankme::cuda
