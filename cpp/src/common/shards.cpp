#include "rankme/shards.hpp"

#include "rankme/error.hpp"

namespace rankme {

void require_disjoint(const ShardRows& held, const ShardRows& added) {
  for (const auto& [shard, rows] : added) {
    if (const auto found = held.find(shard); found != held.end()) {
      throw DuplicateShardError(shard, found->second, rows);
    }
  }
}

}  // namespace rankme
