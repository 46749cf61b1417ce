// The rows of a source as float64 blocks in device memory, one after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "kernels/kernels.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/source.hpp"
#include "rankme/cuda/syrk.hpp"

namespace rankme::cuda {

struct FeedPlan {
  BlockPlan cut;
  std::int64_t splits = 1;  // rows of zeros fill a block up to a multiple of it
  double factor = 1;        // what entries are multiplied by at last
  // Whoever takes the blocks reads the rows as they came, too, on the work stream.
  bool keeps_source = false;
};

struct FeedUser {
  // Called when rows have been put on the load stream, a portion of a block each time; `row` is the
  // number of the first. May put more on that stream. May be empty.
  std::function<void(const DeviceBlock& rows, std::int64_t row)> on_portion;
  // Called with a whole block, for which the work stream waits already, and with its rows as they
  // came. What is put on the work stream is done before the block is overwritten. May be empty.
  std::function<void(const DeviceBlock& block, const MatrixView& source, int slot)> on_block;
};

// What the rows were found to be.
struct Findings {
  double largest = 0;
};

// Passes all rows by. Throws NonFiniteError for the first bad entry, when all have gone by; waits
// for the load stream.
Findings feed(Resources& resources, const Source& source, const DevicePreparation& preparation,
              const FeedPlan& plan, const FeedUser& user);

// For an entry that was seen to be NaN or infinite, of z or of that matrix of a batch. Where it has
// been overwritten since it is called NaN: nobody holds a part of the rows.
[[noreturn]] void throw_bad_entry(const MatrixView& z, bool on_device, std::int64_t row,
                                  std::int64_t column,
                                  std::optional<std::int64_t> matrix = std::nullopt);

// Makes room for the blocks; feed() does it as well.
void reserve_blocks(Resources& resources, const BlockPlan& cut);

// The bytes of float64 that a block should have on that device.
std::int64_t default_block_bytes(const Resources& resources);

}  // namespace rankme::cuda
