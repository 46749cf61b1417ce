// The streaming Gram matrix on a GPU: the same noun as rankme::GramAccumulator, and the same state.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "rankme/cuda/buffer.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/source.hpp"
#include "rankme/cuda/syrk.hpp"
#include "rankme/gram_sum.hpp"
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

// What is done to rows on their way, as GramAccumulator::Preparation; all of it device memory.
struct Recipe {
  bool normalize = false;
  const double* column_powers = nullptr;  // dim factors, and dim more that are multiplied after
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
  DeviceProbes(std::int64_t dim, std::uint64_t seed, cudaStream_t stream);
  std::vector<double> host;       // (dim, 8)
  DeviceBuffer<double> by_row;    // (dim, 8)
  DeviceBuffer<double> by_probe;  // (8, dim)
};

// How the passes of this process went: for tests, and for people who want to know.
struct PassFacts {
  double largest = 0;      // magnitude of what was multiplied, before the power of two
  bool tensor_cores = false;
};

// sum <- the Gram matrix of all rows of the source, which must have sum.dim columns. exponent: the
// power of two to try first; keep: it must not become smaller. Throws NonFiniteError; the sum is then
// worthless, as it is after any exception.
PassFacts gram_pass(Lane& lane, const Source& source, const Recipe& recipe,
                    const DeviceProbes& probes, const SyrkPlan& plan, Precision precision,
                    int exponent, bool keep, DeviceSum& sum);

class GramAccumulator {
public:
  GramAccumulator(std::int64_t dim, bool normalize, std::uint64_t seed, int device,
                  Precision precision);
  GramAccumulator(const GramSum& sum, std::int64_t n_rows, bool normalize, std::uint64_t seed,
                  int device, Precision precision);
  ~GramAccumulator();
  GramAccumulator(const GramAccumulator&) = delete;
  GramAccumulator& operator=(const GramAccumulator&) = delete;

  // Adds the rows. All or nothing: after any exception the accumulator is what it was. Returns when
  // the rows have been read, so that their memory may be overwritten.
  void update(const Source& source);
  // Through the host where the other one is on another device.
  void merge(const GramAccumulator& other);
  void merge(const GramSum& sum, std::int64_t n_rows);
  void reset();

  std::int64_t dim() const { return sum_.dim; }
  bool normalize() const { return normalize_; }
  std::uint64_t seed() const { return seed_; }
  int device() const { return device_; }
  Precision precision() const { return precision_; }
  std::int64_t n_rows() const;
  // How many rows went through tensor cores, of those that came by update().
  std::int64_t fast_rows() const;
  GramSum total(std::int64_t* n_rows) const;
  // As singular_values() of the host's accumulator; the eigenvalues come from the device.
  SingularValues spectrum(bool center, std::int64_t* n_rows) const;

  // For the benchmark: which way the products go.
  void set_syrk(Syrk way);

private:
  struct OnDevice;

  bool normalize_;
  std::uint64_t seed_;
  int device_;
  Precision precision_;
  SyrkPlan plan_;
  std::int64_t n_rows_ = 0;
  std::int64_t fast_rows_ = 0;
  // Made and freed with the device current.
  DeviceSum sum_;
  DeviceSum aside_;
  DeviceProbes probes_;
  mutable std::mutex mutex_;
};

}  // namespace rankme::cuda
