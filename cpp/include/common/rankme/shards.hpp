// Which shards the rows of an accumulator came from, so that none is counted twice.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace rankme {

// How many rows each shard has given, by its id: any bytes. Rows without a shard are not in it.
// An accumulator keeps it under the lock of its numbers, so that the two never part.
using ShardRows = std::map<std::string, std::int64_t>;

// The place of one shard in the table, made before the numbers change, so that nothing can fail
// after they have. Without rows it is taken back.
class ShardEntry {
public:
  // shard: its id, or null for rows that come from none.
  ShardEntry(ShardRows& table, const std::string* shard)
      : table_(table), entry_(shard == nullptr ? table.end() : table.try_emplace(*shard).first) {}
  ~ShardEntry() {
    if (entry_ != table_.end() && entry_->second == 0) table_.erase(entry_);
  }
  ShardEntry(const ShardEntry&) = delete;
  ShardEntry& operator=(const ShardEntry&) = delete;

  void add(std::int64_t rows) noexcept {
    if (entry_ != table_.end()) entry_->second += rows;
  }

private:
  ShardRows& table_;
  ShardRows::iterator entry_;
};

// Throws DuplicateShardError where a shard is in both.
void require_disjoint(const ShardRows& held, const ShardRows& added);

}  // namespace rankme
