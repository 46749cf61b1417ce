#include "helpers.hpp"

#include "subnormals.hpp"
#include "team.hpp"

namespace rankme {

namespace {

constexpr std::int64_t round_unit = std::int64_t{1} << 32;
constexpr std::int64_t left_mask = round_unit - 1;
constexpr std::int64_t closed = -1;  // no more rounds

bool has_pieces(std::int64_t open) { return (open & left_mask) > 0; }

}  // namespace

Helpers::Helpers(int threads) : threads_(threads) {
  try {
    others_.reserve(static_cast<std::size_t>(threads) - 1);
    while (static_cast<int>(others_.size()) + 1 < threads) {
      others_.emplace_back([this] { work(); });
    }
  } catch (...) {
    // No more threads, or no memory for one: the others do its share.
  }
}

Helpers::~Helpers() {
  open_.store(closed, std::memory_order_release);
  open_.notify_all();
  for (std::thread& other : others_) other.join();
}

void Helpers::run(std::int64_t pieces, const void* body, Call call) {
  body_ = body;
  call_ = call;
  done_.store(0, std::memory_order_relaxed);
  const std::int64_t before = open_.load(std::memory_order_relaxed);
  std::int64_t open = ((before & ~left_mask) + round_unit) | pieces;
  if (open < 0) open = pieces;  // after 2^31 rounds the count begins anew
  open_.store(open, std::memory_order_release);
  if (!others_.empty()) open_.notify_all();
  while (take(&open)) {
  }
  await(done_, [pieces](std::int64_t done) { return done == pieces; });
}

// Does one piece; false where none is left. *seen: what was last seen of open_.
bool Helpers::take(std::int64_t* seen) {
  while (*seen != closed && has_pieces(*seen)) {
    if (!open_.compare_exchange_weak(*seen, *seen - 1, std::memory_order_acq_rel)) continue;
    // The round cannot end before this piece is done.
    call_(body_, (*seen & left_mask) - 1);
    done_.fetch_add(1, std::memory_order_acq_rel);
    done_.notify_all();
    *seen = open_.load(std::memory_order_acquire);
    return true;
  }
  return false;
}

void Helpers::work() {
  [[maybe_unused]] const SubnormalsKept subnormals;
  for (;;) {
    await(open_, has_pieces);
    std::int64_t seen = open_.load(std::memory_order_acquire);
    if (seen == closed) return;
    while (take(&seen)) {
    }
  }
}

Teams::Teams(int workers, int team) {
  if (team < 2) return;
  for (int worker = 0; worker < workers; ++worker) teams_.emplace_back(team);
}

}  // namespace rankme
