#include "filler.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "rankme/widen.hpp"

namespace rankme::cuda {

namespace {

// Enough to outrun the bus; more only fight for the memory.
constexpr unsigned most_threads = 16;
constexpr std::int64_t part_bytes = 1 << 20;

template <std::size_t item>
void gather(std::byte* to, const std::byte* from, std::int64_t stride, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * static_cast<std::int64_t>(item), from + i * stride, item);
  }
}

void copy_line(std::byte* to, const std::byte* from, std::int64_t item, std::int64_t stride,
               std::int64_t count) {
  if (stride == item) {
    std::memcpy(to, from, static_cast<std::size_t>(count * item));
  } else if (item == 2) {
    gather<2>(to, from, stride, count);
  } else if (item == 4) {
    gather<4>(to, from, stride, count);
  } else {
    gather<8>(to, from, stride, count);
  }
}

}  // namespace

Filler::Filler(const MatrixView& rows, std::int64_t block_rows, std::int64_t blocks,
               const std::array<std::byte*, slots>& buffers)
    : rows_(rows),
      block_rows_(block_rows),
      blocks_(blocks),
      buffers_(buffers),
      by_columns_(rows.row_offsets == nullptr && natural_layout(rows) == Layout::column_major) {
  const std::int64_t bytes = block_rows * rows.cols * item_size(rows.dtype);
  parts_ = std::clamp<std::int64_t>(bytes / part_bytes, 1, by_columns_ ? rows.cols : block_rows);
  available_ = std::min<std::int64_t>(slots, blocks);

  const auto cores = std::min(std::max(1u, std::thread::hardware_concurrency()), most_threads);
  const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(cores, parts_ * blocks) -
                                               1);  // the caller fills as well
  threads_.reserve(wanted);
  try {
    while (threads_.size() < wanted) threads_.emplace_back(&Filler::work, this);
  } catch (const std::system_error&) {
    // No more threads: those that there are, and the caller, do all of it.
  }
}

Filler::~Filler() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

MatrixView Filler::part(std::int64_t block) const {
  const std::int64_t begin = block * block_rows_;
  return rows_.row_range(begin, std::min(rows_.rows, begin + block_rows_));
}

// Under the lock.
bool Filler::take(std::int64_t* task) {
  if (next_task_ >= available_ * parts_) return false;
  *task = next_task_++;
  return true;
}

void Filler::fill(std::int64_t task) {
  const std::int64_t block = task / parts_;
  const MatrixView from = by_columns_ ? part(block).transposed() : part(block);
  const std::int64_t item = item_size(from.dtype);
  const std::int64_t line = from.cols * item;
  const std::int64_t begin = from.rows * (task % parts_) / parts_;
  const std::int64_t end = from.rows * (task % parts_ + 1) / parts_;
  std::byte* to = buffers_[static_cast<std::size_t>(block % slots)] + begin * line;
  if (from.row_offsets == nullptr && from.col_stride == item && from.row_stride == line) {
    std::memcpy(to, from.at(begin, 0), static_cast<std::size_t>((end - begin) * line));
    return;
  }
  for (std::int64_t i = begin; i < end; ++i) {
    copy_line(to + (i - begin) * line, from.at(i, 0), item, from.col_stride, from.cols);
  }
}

// Under the lock.
void Filler::finish(std::int64_t task) {
  auto& done = done_[static_cast<std::size_t>(task / parts_ % slots)];
  if (++done == parts_) changed_.notify_all();
}

void Filler::work() {
  std::unique_lock lock(mutex_);
  while (!stop_ && next_task_ < blocks_ * parts_) {
    std::int64_t task = 0;
    if (!take(&task)) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    fill(task);
    lock.lock();
    finish(task);
  }
}

MatrixView Filler::wait(std::int64_t block) {
  const auto slot = static_cast<std::size_t>(block % slots);
  std::unique_lock lock(mutex_);
  while (done_[slot] < parts_) {
    std::int64_t task = 0;
    if (!take(&task)) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    fill(task);
    lock.lock();
    finish(task);
  }
  MatrixView filled = part(block);
  const std::int64_t item = item_size(filled.dtype);
  filled.data = buffers_[slot];
  filled.row_stride = by_columns_ ? item : filled.cols * item;
  filled.col_stride = by_columns_ ? filled.rows * item : item;
  filled.row_offsets = nullptr;
  return filled;
}

void Filler::recycle(std::int64_t block) {
  const std::lock_guard lock(mutex_);
  done_[static_cast<std::size_t>(block % slots)] = 0;
  available_ = std::min(blocks_, block + slots + 1);
  changed_.notify_all();
}

}  // namespace rankme::cuda
