#include "rankme/ledger.hpp"

#include <limits>
#include <stdexcept>

#include "rankme/error.hpp"

namespace rankme {

void require_width(const MatrixView& z, std::int64_t dim, const std::string& name) {
  if (z.cols != dim) {
    throw std::invalid_argument(name + " has " + std::to_string(z.cols) +
                                " columns, the accumulator has dim " + std::to_string(dim));
  }
}

void require_rows(std::int64_t n_rows) {
  if (n_rows < 1) throw std::invalid_argument("the accumulator has no rows yet");
}

void require_countable(std::int64_t rows, std::int64_t more) {
  if (rows > std::numeric_limits<std::int64_t>::max() - more) {
    throw std::overflow_error("more than 2^63 - 1 rows in one accumulator");
  }
}

void require_mergeable(const Terms& ours, const Terms& theirs) {
  if (theirs.dim != ours.dim) {
    throw std::invalid_argument("cannot merge accumulators of dim " + std::to_string(ours.dim) +
                                " and dim " + std::to_string(theirs.dim));
  }
  if (theirs.normalize != ours.normalize) {
    throw std::invalid_argument(
        "cannot merge an accumulator that normalizes rows with one that does not");
  }
  if (ours.seed && theirs.seed && *theirs.seed != *ours.seed) {
    throw std::invalid_argument("cannot merge accumulators whose probes have seed " +
                                std::to_string(*ours.seed) + " and seed " +
                                std::to_string(*theirs.seed));
  }
}

void Ledger::require_mergeable(const Ledger& other) const {
  require_countable(n_rows, other.n_rows);
  for (const auto& [shard, rows] : other.shards) {
    if (const auto found = shards.find(shard); found != shards.end()) {
      throw DuplicateShardError(shard, found->second, rows);
    }
  }
}

void Ledger::merge(Ledger& other) noexcept {
  n_rows += other.n_rows;
  shards.merge(other.shards);
}

void Ledger::clear() {
  n_rows = 0;
  shards.clear();
}

LedgerEntry::LedgerEntry(Ledger& ledger, std::int64_t rows, const std::string* shard)
    : ledger_(ledger), rows_(rows), entry_(ledger.shards.end()) {
  require_countable(ledger.n_rows, rows);
  if (shard != nullptr) entry_ = ledger.shards.try_emplace(*shard).first;
}

// An entry without rows is one that this update made.
LedgerEntry::~LedgerEntry() {
  if (entry_ != ledger_.shards.end() && entry_->second == 0) ledger_.shards.erase(entry_);
}

void LedgerEntry::commit() noexcept {
  ledger_.n_rows += rows_;
  if (entry_ != ledger_.shards.end()) entry_->second += rows_;
}

}  // namespace rankme
