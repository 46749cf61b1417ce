// The streaming Gram matrix on a GPU: the same noun as rankme::GramAccumulator, and the same state.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rankme/cuda/buffer.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/source.hpp"
#include "rankme/cuda/syrk.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/ledger.hpp"
#include "rankme/values.hpp"

namespace rankme::cuda {

// fast: the products of float16 and bfloat16 rows on tensor cores, summed in float32 over short
// ranges of rows and in float64 across them; everything else as float64.
enum class Precision { float64, fast };

// A GramSum in the memory of a device.
struct DeviceSum {
  explicit DeviceSum(std::int64_t dim);

  void clear(cudaStream_t stream);
  // As GramSum::add. Both belong to the same device.
  void add(const DeviceSum& other, cudaStream_t stream);
  // Waits for the stream.
  GramSum to_host(cudaStream_t stream) const;
  void from_host(const GramSum& sum, cudaStream_t stream);

  std::int64_t dim;
  DeviceBuffer<double> gram;            // (dim, dim) row-major, lower triangle
  DeviceBuffer<double> column_sums;     // (dim,)
  DeviceBuffer<double> probe_products;  // (dim, 8) row-major
  int exponent = 0;
  bool zero = true;  // no entry but 0 has come in
  std::int64_t blocks = 0;
  std::int64_t longest_block = 0;

private:
  void rescale(int new_exponent, cudaStream_t stream);
};

// What is done to rows on their way, as Preparation of row_adder.hpp; all of it device memory.
struct DevicePreparation {
  bool normalize = false;
  const double* column_powers = nullptr;  // both factors of unit_scale() for each column, or none
  const double* column_inverses = nullptr;
  const double* subtract_row = nullptr;
  bool subtract_first_column = false;
  // Z is read through its transpose: the first bad entry is told in Z's own order.
  bool transposed = false;

  bool scales() const { return normalize || column_powers != nullptr; }
  bool shifts() const { return subtract_row != nullptr || subtract_first_column; }
};

// The probes of a seed on the device, in both orders.
struct DeviceProbes {
  DeviceProbes(std::int64_t dim, std::uint64_t seed);
  std::vector<double> host;       // (dim, 8)
  DeviceBuffer<double> by_row;    // (dim, 8)
  DeviceBuffer<double> by_probe;  // (8, dim)
};

// How a pass multiplies.
struct PassOptions {
  SyrkPlan plan;
  Precision precision = Precision::float64;
  std::int64_t block_bytes = 0;  // 0: as the memory of the device suggests
};

struct PassFacts {
  double largest = 0;  // magnitude of what was multiplied, before the power of two
  bool fast = false;   // on tensor cores
};

// sum <- the Gram matrix of all rows of the source, which must have sum.dim columns, and at least
// one. sum.exponent and sum.zero are those of what it will be added to: the power of two to begin
// with, and whether a smaller one will do. Throws NonFiniteError; after any exception the sum is
// worthless.
PassFacts gram_pass(Resources& resources, const Source& source,
                    const DevicePreparation& preparation, const DeviceProbes& probes,
                    const PassOptions& options, DeviceSum& sum);

class GramAccumulator {
public:
  GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, int device,
                  Precision precision);
  GramAccumulator(const GramSum& sum, std::int64_t n_rows, bool normalize, std::uint64_t seed,
                  int device, Precision precision, ShardRows shards = {});
  ~GramAccumulator();
  GramAccumulator(const GramAccumulator&) = delete;
  GramAccumulator& operator=(const GramAccumulator&) = delete;

  // Adds the rows. All or nothing: after any exception the accumulator is what it was. Returns when
  // the rows have been read, so that their memory may be overwritten. shard: the id that the rows
  // are counted under.
  void update(const Source& source, const std::string* shard = nullptr);
  // Through the host. A shard that both hold is a DuplicateShardError, and nothing has changed.
  void merge(const GramAccumulator& other);
  void reset();

  std::int64_t dim() const { return dim_; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  int device() const { return device_; }
  Precision precision() const { return options_.precision; }
  std::int64_t n_rows() const;
  // How many rows went through tensor cores, of those that came by update().
  std::int64_t fast_rows() const;
  ShardRows shards() const;
  // The sum of all rows so far; their number and where they came from, read at the same instant,
  // go to *n_rows and *shards.
  GramSum total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  // As singular_values() of the host's accumulator; the eigenvalues come from the device.
  SingularValues spectrum(bool center, std::int64_t* n_rows) const;

  // How products are computed, for the benchmark: tile 0 chooses dsyrk, otherwise it is the width
  // of the tiles; block_bytes 0 leaves the choice of blocks alone.
  void set_products(std::int64_t tile, std::int64_t splits, std::int64_t block_bytes);

private:
  // Made with the device current.
  struct OnDevice;
  Terms terms() const { return {dim_, normalize_, seed_}; }

  std::int64_t dim_;
  bool normalize_;
  std::uint64_t seed_;
  int device_;
  PassOptions options_;
  Ledger ledger_;
  std::int64_t fast_rows_ = 0;
  std::unique_ptr<OnDevice> state_;
  mutable std::mutex mutex_;
};

}  // namespace rankme::cuda
