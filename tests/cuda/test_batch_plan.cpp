// How a batch is cut and packed: host logic, which needs no GPU.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../../cuda/src/batch_plan.hpp"
#include "check.hpp"

namespace batch = rankme::cuda::batch;
using rankme::DType;
using rankme::MatrixView;

namespace {

MatrixView dense(std::int64_t rows, std::int64_t cols, DType dtype) {
  const std::int64_t item = rankme::item_size(dtype);
  return {nullptr, dtype, rows, cols, cols * item, item};
}

void matrices_of_a_kind_are_grouped() {
  const std::vector<MatrixView> zs{dense(50, 4096, DType::float16), dense(16, 64, DType::float32),
                                   dense(4096, 50, DType::float16), dense(65, 65, DType::float32),
                                   dense(64, 9000, DType::float16), dense(16, 64, DType::float64)};
  const batch::Plan plan = batch::plan(zs, false);
  CHECK(plan.large == std::vector<std::int64_t>{3});
  CHECK(plan.groups.size() == 3);
  CHECK(plan.groups[0].members == (std::vector<std::int64_t>{0, 2, 4}));
  CHECK(plan.groups[0].width == 64 && plan.groups[0].warps == 4);
  CHECK(plan.groups[0].largest_order == 64);
  CHECK(plan.groups[1].width == 16 && plan.groups[1].warps == 1);
}

// The column of ones takes a place of its own, where columns are the vectors.
void centring_needs_one_more_place() {
  const std::vector<MatrixView> zs{dense(500, 64, DType::float32), dense(64, 500, DType::float32),
                                   dense(500, 63, DType::float32), dense(500, 16, DType::float32)};
  const batch::Plan plan = batch::plan(zs, true);
  CHECK(plan.large == std::vector<std::int64_t>{0});
  CHECK(plan.groups.size() == 2);
  CHECK(plan.groups[0].members == (std::vector<std::int64_t>{1, 2}));
  CHECK(plan.groups[1].width == 32);
}

void entries_are_read_as_they_lie() {
  alignas(16) static std::byte memory[4096];
  const auto access = [&](std::int64_t offset, std::int64_t row, std::int64_t col) {
    return batch::vectors_of({memory + offset, DType::float16, 4, 40, row, col}).access;
  };
  CHECK(access(0, 96, 2) == batch::Access::packets);
  CHECK(access(2, 96, 2) == batch::Access::entries);
  CHECK(access(0, 82, 2) == batch::Access::entries);
  CHECK(access(0, 96, 4) == batch::Access::entries);
  CHECK(access(1, 96, 2) == batch::Access::bytes);
  CHECK(access(0, 97, 2) == batch::Access::bytes);
  const batch::Matrix tall = batch::vectors_of({memory, DType::float32, 40, 4, 16, 4});
  CHECK(!tall.rows && tall.order == 4 && tall.length == 40);
  CHECK(tall.stride == 4 && tall.step == 16);
}

// Whatever the strides were, every entry is found again.
void packing_keeps_every_entry() {
  std::vector<std::byte> memory(9000);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>(i * 7 % 251);
  const std::int64_t strides[][2] = {{46, 2}, {2, 46}, {95, 4}, {3, 130}, {-60, 2}, {0, 2}};
  for (const auto& [row, col] : strides) {
    const MatrixView z{memory.data() + 2000, DType::float16, 17, 23, row, col};
    const batch::Packed packed = batch::packing_of(z);
    CHECK(packed.pitch % 16 == 0);
    std::vector<std::byte> copy(static_cast<std::size_t>(packed.bytes()));
    batch::pack(z, packed, copy.data());
    const MatrixView again = batch::view_of(z, packed, copy.data());
    bool same = true;
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) {
        same = same && std::memcmp(z.at(i, j), again.at(i, j), 2) == 0;
      }
    }
    check::report(same, __FILE__, __LINE__, "strides " + std::to_string(row));
  }
}

}  // namespace

int main() {
  matrices_of_a_kind_are_grouped();
  centring_needs_one_more_place();
  entries_are_read_as_they_lie();
  packing_keeps_every_entry();
  return check::finish("batch plan");
}
