#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "rankme/cuda/check.hpp"

namespace rankme::cuda {

namespace {

constexpr double one = 1;
constexpr double zero = 0;

int as_int(std::int64_t value) { return static_cast<int>(value); }

// What is row-major to us is the transpose to cuBLAS: our lower triangle is its upper one.
class Dsyrk : public Products {
public:
  Dsyrk(Resources& resources, std::int64_t dim, double* gram)
      : resources_(resources), dim_(dim), gram_(gram) {}

  void add(const DeviceBlock& block, const MatrixView&, int) override {
    RANKME_CUDA(cublasDsyrk(resources_.blas, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, as_int(dim_),
                            as_int(block.rows), &one, block.data, as_int(block.stride),
                            first_ ? &zero : &one, gram_, as_int(dim_)));
    first_ = false;
  }
  void finish() override {}

private:
  Resources& resources_;
  std::int64_t dim_;
  double* gram_;
  bool first_ = true;
};

class Tiles : public Products {
public:
  Tiles(Resources& resources, const SyrkPlan& plan, const BlockPlan& cut, std::int64_t n_rows,
        std::int64_t dim, double* gram)
      : resources_(resources),
        plan_(plan),
        dim_(dim),
        gram_(gram),
        count_(plan.tiles(dim) * plan.splits) {
    resources.products.reserve(count_ * plan.tile * plan.tile, "the tiles of a Gram matrix");
    const std::int64_t last_rows = n_rows - (cut.blocks - 1) * cut.rows;
    const std::int64_t last_slot = (cut.blocks - 1) % 2;
    whole_ = cut.rows;
    // The addresses of both block buffers, and those of the last block, which may be shorter.
    add_pointers(resources.blocks[0].data(), cut.rows, cut.stride);
    add_pointers(resources.blocks[cut.blocks > 1 ? 1 : 0].data(), cut.rows, cut.stride);
    add_pointers(resources.blocks[static_cast<std::size_t>(last_slot)].data(), last_rows,
                 cut.stride);
    resources.tile_pointers.reserve(static_cast<std::int64_t>(pointers_.size()),
                                    "addresses of tiles");
    RANKME_CUDA(cudaMemcpyAsync(resources.tile_pointers.data(), pointers_.data(),
                                pointers_.size() * sizeof(double*), cudaMemcpyHostToDevice,
                                resources.work));
    resources.work.synchronize();  // the vector may go
  }

  void add(const DeviceBlock& block, const MatrixView&, int slot) override {
    const std::int64_t set = block.rows == whole_ ? slot : 2;
    double** pointers = resources_.tile_pointers.data() + 3 * count_ * set;
    const int tile = as_int(plan_.tile);
    const int depth = as_int((block.rows + plan_.splits - 1) / plan_.splits);
    RANKME_CUDA(cublasDgemmBatched(resources_.blas, CUBLAS_OP_N, CUBLAS_OP_T, tile, tile, depth,
                                   &one, pointers, as_int(block.stride), pointers + count_,
                                   as_int(block.stride), first_ ? &zero : &one,
                                   pointers + 2 * count_, tile, as_int(count_)));
    first_ = false;
  }

  void finish() override {
    RANKME_CUDA(gather_tiles(gram_, resources_.products.data(), dim_, plan_.tile, plan_.splits,
                             resources_.work));
  }

private:
  // cuBLAS computes the transpose of a tile, (columns j) x (rows i), which is the tile in row-major
  // order.
  void add_pointers(double* block, std::int64_t rows, std::int64_t stride) {
    const std::int64_t depth = (rows + plan_.splits - 1) / plan_.splits;
    const std::int64_t across = plan_.tiles_across(dim_);
    std::vector<double*> left;
    std::vector<double*> right;
    std::vector<double*> out;
    for (std::int64_t split = 0; split < plan_.splits; ++split) {
      double* from = block + split * depth * stride;
      for (std::int64_t i = 0; i < across; ++i) {
        for (std::int64_t j = 0; j <= i; ++j) {
          left.push_back(from + j * plan_.tile);
          right.push_back(from + i * plan_.tile);
          out.push_back(resources_.products.data() +
                        static_cast<std::int64_t>(out.size()) * plan_.tile * plan_.tile);
        }
      }
    }
    for (const auto* part : {&left, &right, &out}) {
      pointers_.insert(pointers_.end(), part->begin(), part->end());
    }
  }

  Resources& resources_;
  SyrkPlan plan_;
  std::int64_t dim_;
  double* gram_;
  std::int64_t count_;  // of gemms in a batch
  std::int64_t whole_ = 0;
  bool first_ = true;
  std::vector<double*> pointers_;
};

class Fast : public Products {
public:
  Fast(Resources& resources, std::int64_t dim, std::int64_t block_rows, double* gram)
      : resources_(resources), dim_(dim), gram_(gram) {
    const std::int64_t chunks = (block_rows + fast_chunk_rows - 1) / fast_chunk_rows;
    // Two float32 numbers a double.
    resources.products.reserve((chunks * dim * dim + 1) / 2, "float32 products");
    products_ = reinterpret_cast<float*>(resources.products.data());
  }

  void add(const DeviceBlock&, const MatrixView& source, int) override {
    const std::int64_t whole = source.rows / fast_chunk_rows;
    const std::int64_t rest = source.rows % fast_chunk_rows;
    if (whole > 0) multiply(source, 0, fast_chunk_rows, whole);
    if (rest > 0) multiply(source, whole, rest, 1);
    RANKME_CUDA(gather_floats(gram_, products_, dim_, whole + (rest > 0 ? 1 : 0), !first_,
                              resources_.work));
    first_ = false;
  }
  void finish() override {}

private:
  // `count` chunks of `rows` rows each; the first one is number `chunk`.
  void multiply(const MatrixView& z, std::int64_t chunk, std::int64_t rows, std::int64_t count) {
    const cudaDataType type = z.dtype == DType::float16 ? CUDA_R_16F : CUDA_R_16BF;
    constexpr std::int64_t item = 2;
    const bool by_rows = z.col_stride == item;
    const std::int64_t lead = (by_rows ? z.row_stride : z.col_stride) / item;
    const std::int64_t step = fast_chunk_rows * z.row_stride / item;
    const std::byte* from = z.at(chunk * fast_chunk_rows, 0);
    const float alpha = 1;
    const float beta = 0;
    // Rows that are contiguous are the columns of cuBLAS's matrix.
    RANKME_CUDA(cublasGemmStridedBatchedEx(
        resources_.blas, by_rows ? CUBLAS_OP_N : CUBLAS_OP_T, by_rows ? CUBLAS_OP_T : CUBLAS_OP_N,
        as_int(dim_), as_int(dim_), as_int(rows), &alpha, from, type, as_int(lead), step, from,
        type, as_int(lead), step, &beta, products_ + chunk * dim_ * dim_, CUDA_R_32F, as_int(dim_),
        dim_ * dim_, as_int(count), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  }

  Resources& resources_;
  std::int64_t dim_;
  double* gram_;
  float* products_ = nullptr;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Products> float64_products(Resources& resources, const SyrkPlan& plan,
                                           const BlockPlan& cut, std::int64_t n_rows,
                                           std::int64_t dim, double* gram) {
  if (plan.way == Syrk::dsyrk) return std::make_unique<Dsyrk>(resources, dim, gram);
  return std::make_unique<Tiles>(resources, plan, cut, n_rows, dim, gram);
}

std::unique_ptr<Products> fast_products(Resources& resources, std::int64_t dim,
                                        std::int64_t block_rows, double* gram) {
  return std::make_unique<Fast>(resources, dim, block_rows, gram);
}

bool knows_fast(DType dtype, int device) {
  if (dtype != DType::float16 && dtype != DType::bfloat16) return false;
  int major = 0;
  RANKME_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  return major >= (dtype == DType::float16 ? 7 : 8);
}

bool can_be_fast(const MatrixView& z) {
  constexpr std::int64_t item = 2;
  constexpr std::int64_t most = std::int64_t{1} << 31;
  if (reinterpret_cast<std::uintptr_t>(z.data) % item != 0) return false;
  const auto lead = [&](std::int64_t stride, std::int64_t length) {
    return stride % item == 0 && stride / item >= length && stride / item < most;
  };
  const bool by_rows = z.col_stride == item && lead(z.row_stride, z.cols);
  const bool by_columns = z.row_stride == item && lead(z.col_stride, z.rows);
  return by_rows || by_columns;
}

bool fast_range(double largest) { return largest == 0 || (largest > 0x1p-30 && largest < 0x1p50); }

}  // namespace rankme::cuda
