// What the accumulators of both devices count and refuse, without an accumulator.
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "check.hpp"
#include "rankme/error.hpp"
#include "rankme/ledger.hpp"

namespace {

using rankme::Ledger;
using rankme::LedgerEntry;
using rankme::ShardRows;
using rankme::Terms;

const std::string a = "a";
const std::string b = "b";
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

void an_entry_counts_once_it_is_committed() {
  Ledger ledger;
  {
    LedgerEntry entry(ledger, 30, &a);
    CHECK(ledger.n_rows == 0);
    entry.commit();
  }
  {
    const LedgerEntry given_up(ledger, 5, &a);
  }
  {
    const LedgerEntry given_up(ledger, 5, &b);
  }
  CHECK(ledger.n_rows == 30);
  CHECK((ledger.shards == ShardRows{{a, 30}}));
  LedgerEntry(ledger, 7, nullptr).commit();
  LedgerEntry(ledger, 0, &b).commit();
  CHECK(ledger.n_rows == 37);
  CHECK((ledger.shards == ShardRows{{a, 30}}));
  ledger.clear();
  CHECK(ledger.n_rows == 0 && ledger.shards.empty());
}

void rows_beyond_the_integer_are_refused() {
  Ledger ledger{most - 3, {}};
  CHECK_THROWS(LedgerEntry(ledger, 4, &a), std::overflow_error, "2^63 - 1 rows");
  CHECK(ledger.shards.empty());
  CHECK_THROWS(ledger.require_mergeable({4, {}}), std::overflow_error, "2^63 - 1 rows");
  LedgerEntry(ledger, 3, &a).commit();
  CHECK(ledger.n_rows == most);
}

void ledgers_are_merged_where_they_share_no_shard() {
  Ledger ledger{30, {{a, 20}}};
  Ledger same{5, {{a, 5}}};
  CHECK_THROWS(ledger.require_mergeable(same), rankme::DuplicateShardError, "'a': 20 and 5");
  Ledger other{8, {{b, 8}}};
  ledger.require_mergeable(other);
  ledger.merge(other);
  CHECK(ledger.n_rows == 38);
  CHECK((ledger.shards == ShardRows{{a, 20}, {b, 8}}));
}

void only_its_like_is_merged() {
  const Terms terms{8, true, 1};
  rankme::require_mergeable(terms, terms);
  rankme::require_mergeable({8, true}, {8, true});
  CHECK_THROWS(rankme::require_mergeable(terms, {7, true, 1}), std::invalid_argument,
               "of dim 8 and dim 7");
  CHECK_THROWS(rankme::require_mergeable(terms, {8, false, 1}), std::invalid_argument,
               "normalizes rows with one that does not");
  CHECK_THROWS(rankme::require_mergeable(terms, {8, true, 2}), std::invalid_argument,
               "seed 1 and seed 2");
}

void a_wrong_width_names_its_array() {
  const double row[3] = {1, 2, 3};
  const rankme::MatrixView z = rankme::view_of(row, 1, 3);
  rankme::require_width(z, 3);
  CHECK_THROWS(rankme::require_width(z, 4), std::invalid_argument,
               "Z has 3 columns, the accumulator has dim 4");
  CHECK_THROWS(rankme::require_width(z, 2, "Zs[1]"), std::invalid_argument, "Zs[1] has 3");
}

}  // namespace

int main() {
  an_entry_counts_once_it_is_committed();
  rows_beyond_the_integer_are_refused();
  ledgers_are_merged_where_they_share_no_shard();
  only_its_like_is_merged();
  a_wrong_width_names_its_array();
  rankme::require_rows(1);
  CHECK_THROWS(rankme::require_rows(0), std::invalid_argument, "no rows yet");
  return check::finish("ledger");
}
