// What every accumulator keeps beside its numbers, on whichever device those are: how many rows
// came in, and from which shards, so that none is counted twice. And what it refuses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "rankme/matrix_view.hpp"

namespace rankme {

// Throws where z has another number of columns; name: what the caller calls it.
void require_width(const MatrixView& z, std::int64_t dim, const std::string& name = "Z");

// Throws where there is nothing yet that could have a spectrum.
void require_rows(std::int64_t n_rows);

// Refuses a number of rows that no longer fits its integer, as of a sum merged with itself too
// often.
void require_countable(std::int64_t rows, std::int64_t more);

// What an accumulator was made for: only its like can be merged into it.
struct Terms {
  std::int64_t dim;
  bool normalize;
  std::optional<std::uint64_t> seed = std::nullopt;  // of the probes, where there are any
};
void require_mergeable(const Terms& ours, const Terms& theirs);

// How many rows each shard has given, by its id: any bytes. Rows without a shard are not in it.
using ShardRows = std::map<std::string, std::int64_t>;

// An accumulator keeps it under the lock of its numbers, so that the two never part.
struct Ledger {
  std::int64_t n_rows = 0;
  ShardRows shards;

  // Throws where both hold rows of one shard (DuplicateShardError) or too many rows together.
  void require_mergeable(const Ledger& other) const;
  // Takes the entries out of the other one, which must be mergeable. Asks for no memory.
  void merge(Ledger& other) noexcept;
  void clear();
};

// One update's entry, made before the numbers change, so that nothing can fail after they have.
// Unless it is committed, it is taken back.
class LedgerEntry {
public:
  // shard: its id, or null for rows that come from none.
  LedgerEntry(Ledger& ledger, std::int64_t rows, const std::string* shard);
  ~LedgerEntry();
  LedgerEntry(const LedgerEntry&) = delete;
  LedgerEntry& operator=(const LedgerEntry&) = delete;

  void commit() noexcept;

private:
  Ledger& ledger_;
  std::int64_t rows_;
  ShardRows::iterator entry_;
};

}  // namespace rankme
