// The host logic of the CUDA module: how products and blocks are planned, and how pinned buffers
// are filled. Needs no GPU.
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "filler.hpp"
#include "rankme/cuda/device.hpp"
#include "rankme/cuda/syrk.hpp"

using rankme::MatrixView;
using rankme::cuda::BlockPlan;
using rankme::cuda::Filler;
using rankme::cuda::Syrk;
using rankme::cuda::SyrkPlan;

namespace {

void plans_waste_little() {
  for (const int multiprocessors : {1, 40, 108, 132, 144}) {
    for (const std::int64_t dim : {1, 63, 64, 128, 384, 768, 1000, 2048, 4096, 8192, 20000}) {
      const SyrkPlan plan = rankme::cuda::plan_of(Syrk::tiles, dim, multiprocessors);
      CHECK(plan.tile >= 64 && plan.splits >= 1);
      CHECK(plan.tiles_across(dim) * plan.tile >= dim);
      // The sums of all splits stay within a quarter of a GiB, unless one alone does not.
      const std::int64_t bytes = 8 * plan.tiles(dim) * plan.tile * plan.tile * plan.splits;
      CHECK(plan.splits == 1 || bytes <= 256 << 20);
      const std::int64_t count = plan.tiles(dim) * plan.splits;
      const std::int64_t rounds = (count + multiprocessors - 1) / multiprocessors;
      if (dim >= 384 && dim <= 4096) CHECK(10 * count >= 8 * rounds * multiprocessors);
    }
  }
  CHECK(rankme::cuda::plan_of(Syrk::dsyrk, 2048, 132).way == Syrk::dsyrk);
  CHECK(rankme::cuda::choose_syrk(8, 132).way == Syrk::dsyrk);
}

void few_rows_have_few_splits() {
  const SyrkPlan plan = rankme::cuda::plan_of(Syrk::tiles, 2048, 132);
  CHECK(rankme::cuda::fit_rows(plan, 1).splits == 1);
  CHECK(rankme::cuda::fit_rows(plan, 1 << 30).splits == plan.splits);
}

void blocks_cover_all_rows() {
  for (const std::int64_t dim : {1, 5, 768, 2048, 100000}) {
    for (const std::int64_t rows : {1, 3, 1000, 25600, 1000000}) {
      for (const Syrk way : {Syrk::dsyrk, Syrk::tiles}) {
        const SyrkPlan plan = fit_rows(rankme::cuda::plan_of(way, dim, 132), rows);
        const BlockPlan cut = plan_blocks(rows, dim, plan, {128 << 20, 32 << 20, 4});
        CHECK(cut.rows >= 1 && cut.rows % plan.splits == 0);
        CHECK(cut.rows * cut.blocks >= rows && cut.rows * (cut.blocks - 1) < rows);
        CHECK(cut.stride >= dim && cut.stride % 4 == 0);
        CHECK(cut.portion >= 1);
        // A row is the least; apart from that the limits hold, to a row of each split.
        const std::int64_t spare = plan.splits + 1;
        CHECK((cut.rows - spare) * 8 * cut.stride <= 128 << 20);
        CHECK((cut.rows - spare) * 4 * dim <= 32 << 20);
      }
    }
  }
}

// The blocks of a view arrive in their order, without gaps, while buffers are used again.
void filler_brings(const MatrixView& view, std::int64_t block_rows) {
  std::array<std::vector<std::byte>, Filler::slots> store;
  std::array<std::byte*, Filler::slots> buffers{};
  for (std::size_t slot = 0; slot < store.size(); ++slot) {
    store[slot].resize(static_cast<std::size_t>(4 * block_rows * view.cols));
    buffers[slot] = store[slot].data();
  }
  const std::int64_t blocks = (view.rows + block_rows - 1) / block_rows;
  Filler filler(view, block_rows, blocks, buffers);
  std::int64_t seen = 0;
  for (std::int64_t block = 0; block < blocks; ++block) {
    if (block >= 2) filler.recycle(block - 2);
    const MatrixView got = filler.wait(block);
    for (std::int64_t i = 0; i < got.rows; ++i, ++seen) {
      for (std::int64_t j = 0; j < view.cols; ++j) {
        CHECK(std::memcmp(got.at(i, j), view.at(seen, j), sizeof(float)) == 0);
      }
    }
  }
  CHECK(seen == view.rows);
}

void filler_brings_every_row(std::int64_t rows, std::int64_t cols, std::int64_t row_step,
                             std::int64_t col_step, std::int64_t block_rows) {
  std::vector<float> memory(
      static_cast<std::size_t>((rows - 1) * row_step + (cols - 1) * col_step + 1));
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
  const MatrixView view{reinterpret_cast<const std::byte*>(memory.data()),
                        rankme::DType::float32,
                        rows,
                        cols,
                        4 * row_step,
                        4 * col_step};
  filler_brings(view, block_rows);
  // Every row but each third, as a mask leaves them.
  std::vector<std::int64_t> offsets;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row % 3 != 2) offsets.push_back(row * view.row_stride);
  }
  MatrixView picked = view;
  picked.rows = static_cast<std::int64_t>(offsets.size());
  picked.row_offsets = offsets.data();
  filler_brings(picked, block_rows);
}

void filler_may_be_left_early() {
  std::vector<double> memory(1 << 20);
  std::vector<std::byte> store(3 << 20);
  const MatrixView view = rankme::view_of(memory.data(), 1 << 14, 64);
  Filler filler(view, 2048, 8, {store.data(), store.data() + (1 << 20), store.data() + (2 << 20)});
  filler.wait(0);  // and no more: the threads must end all the same
}

}  // namespace

int main() {
  plans_waste_little();
  few_rows_have_few_splits();
  blocks_cover_all_rows();
  filler_brings_every_row(1, 1, 1, 1, 1);
  filler_brings_every_row(1000, 700, 700, 1, 96);      // rows without gaps
  filler_brings_every_row(5000, 300, 333, 1, 1000);    // with gaps
  filler_brings_every_row(5000, 100, 1, 5000, 1000);   // columns
  filler_brings_every_row(3000, 100, 400, 3, 1024);    // neither
  filler_brings_every_row(4000, 1000, 1000, 1, 1000);  // several parts a block
  filler_may_be_left_early();
  CHECK(rankme::cuda::device_count() >= 0);
  CHECK(!rankme::cuda::library_versions().empty());
  return check::finish("cuda host logic");
}
