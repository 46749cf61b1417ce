// The threads of a block on a machine without a GPU: a std::thread each, with the barriers and the
// shuffles of batch_team.cuh. Slow, and watched by the thread sanitizer, which sees a barrier that
// is missing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../../cuda/src/kernels/batch_team.cuh"

namespace host_team {

using rankme::cuda::batch::warp_size;

class Barrier {
public:
  explicit Barrier(int count) : count_(count) {}
  void wait() {
    std::unique_lock lock(mutex_);
    const std::int64_t round = round_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++round_;
      lock.unlock();
      all_.notify_all();
      return;
    }
    all_.wait(lock, [&] { return round_ != round; });
  }

private:
  std::mutex mutex_;
  std::condition_variable all_;
  int count_;
  int arrived_ = 0;
  std::int64_t round_ = 0;
};

struct Block {
  explicit Block(int warps) : all(warps * warp_size), exchange(warps * warp_size), scratch(warps) {
    for (int i = 0; i < warps; ++i) warp_barriers.push_back(std::make_unique<Barrier>(warp_size));
  }
  Barrier all;
  std::vector<std::unique_ptr<Barrier>> warp_barriers;
  std::vector<double> exchange;
  std::vector<double> scratch;
};

// What a kernel sees of it.
class Team {
public:
  Team(Block& block, int rank) : block_(&block), rank_(rank) {}
  int rank() const { return rank_; }
  int size() const { return static_cast<int>(block_->exchange.size()); }
  int lane() const { return rank_ % warp_size; }
  int warp() const { return rank_ / warp_size; }
  int warps() const { return size() / warp_size; }
  void sync() const { block_->all.wait(); }
  double shuffle(double x, int from) const {
    block_->exchange[static_cast<std::size_t>(rank_)] = x;
    block_->warp_barriers[static_cast<std::size_t>(warp())]->wait();
    const double got = block_->exchange[static_cast<std::size_t>(warp() * warp_size + from)];
    block_->warp_barriers[static_cast<std::size_t>(warp())]->wait();
    return got;
  }
  double shuffle_xor(double x, int mask) const { return shuffle(x, lane() ^ mask); }
  bool any(bool x) const {
    double sum = x ? 1 : 0;
    for (int mask = 1; mask < warp_size; mask *= 2) sum += shuffle_xor(sum, mask);
    return sum > 0;
  }
  double* scratch() const { return block_->scratch.data(); }

private:
  Block* block_;
  int rank_;
};

// Runs body(team) in every thread of a block of so many warps.
template <class Body>
void run(int warps, const Body& body) {
  Block block(warps);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < warps * warp_size; ++rank) {
    threads.emplace_back([&, rank] { body(Team(block, rank)); });
  }
  for (std::thread& thread : threads) thread.join();
}

// One thread that is a whole block: for arithmetic that calls no shuffle but those of sums.
class Alone {
public:
  int rank() const { return 0; }
  int size() const { return 1; }
  int lane() const { return 0; }
  int warp() const { return 0; }
  int warps() const { return 1; }
  void sync() const {}
  double shuffle_xor(double, int) const { return 0; }  // the other lanes have nothing to add
  double* scratch() const { return nullptr; }
};

}  // namespace host_team
