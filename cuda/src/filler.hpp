// Rows in host memory into a ring of buffers, by several threads. Knows nothing of CUDA.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

// Copies the blocks of a view in their order, each into the next buffer of the ring, with dtype and
// orientation as they are and without gaps.
class Filler {
public:
  static constexpr int slots = 3;

  // Each buffer has room for block_rows rows. The threads begin at once.
  Filler(const MatrixView& rows, std::int64_t block_rows, std::int64_t blocks,
         const std::array<std::byte*, slots>& buffers);
  ~Filler();
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;

  // The block in its buffer, once it is there; the caller helps until then.
  MatrixView wait(std::int64_t block);
  // The buffer of a block that was waited for may be overwritten. Blocks in their order.
  void recycle(std::int64_t block);

private:
  MatrixView part(std::int64_t block) const;
  bool take(std::int64_t* task);
  void fill(std::int64_t task);
  void finish(std::int64_t task);
  void work();

  MatrixView rows_;
  std::int64_t block_rows_;
  std::int64_t blocks_;
  std::array<std::byte*, slots> buffers_;
  bool by_columns_;
  std::int64_t parts_;  // tasks a block

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t next_task_ = 0;
  std::int64_t available_ = 0;  // blocks below this have a buffer
  std::array<std::int64_t, slots> done_{};
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rankme::cuda
