#include "rankme/cuda/batch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <numeric>
#include <stdexcept>

#include "batch_plan.hpp"
#include "feed.hpp"
#include "kernels/batch_kernels.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/spectrum.hpp"
#include "rankme/error.hpp"
#include "rankme/parallel.hpp"

namespace rankme::cuda {

namespace {

// Of a chunk: Gram matrices, input on its way from the host, and matrices. Enough for many waves of
// blocks on the largest GPU, and little beside its memory.
constexpr std::int64_t gram_bytes = std::int64_t{128} << 20;
constexpr std::int64_t input_bytes = std::int64_t{64} << 20;
constexpr std::int64_t most_matrices = std::int64_t{1} << 16;

struct Options {
  bool center;
  bool normalize;
};

// ---- results -----------------------------------------------------------------------------------

BatchSpectra empty_spectra(std::span<const MatrixView> zs) {
  BatchSpectra all;
  all.offsets.reserve(zs.size() + 1);
  all.offsets.push_back(0);
  for (const MatrixView& z : zs) {
    if (z.rows < 1 || z.cols < 1) throw std::invalid_argument("the spectrum of an empty matrix");
    all.offsets.push_back(all.offsets.back() + std::min(z.rows, z.cols));
  }
  const auto count = static_cast<std::size_t>(all.offsets.back());
  for (std::vector<double>* part : {&all.scaled, &all.low, &all.high}) part->resize(count);
  all.exponents.resize(zs.size());
  return all;
}

void put(const SingularValues& values, std::int64_t matrix, BatchSpectra& all) {
  const auto at = static_cast<std::size_t>(matrix);
  const std::int64_t offset = all.offsets[at];
  std::copy(values.scaled.begin(), values.scaled.end(), all.scaled.begin() + offset);
  std::copy(values.low.begin(), values.low.end(), all.low.begin() + offset);
  std::copy(values.high.begin(), values.high.end(), all.high.begin() + offset);
  all.exponents[at] = values.exponent;
}

// The first matrix that is not finite, and where in it: set from several threads.
class FirstBad {
public:
  void found(std::int64_t matrix, std::int64_t position) {
    const std::lock_guard lock(mutex_);
    if (matrix < matrix_) {
      matrix_ = matrix;
      position_ = position;
    }
  }
  bool any() const { return matrix_ != none; }
  std::int64_t matrix() const { return matrix_; }
  std::int64_t position() const { return position_; }

private:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  std::mutex mutex_;
  std::int64_t matrix_ = none;
  std::int64_t position_ = 0;
};

// What the sums of so short vectors can be off by is known beforehand: no probes.
GramAccuracy accuracy_of(const batch::Facts& facts, const MatrixView& z, int warps,
                         const Options& options) {
  const bool by_rows = z.rows <= z.cols;
  const double depth = batch::addition_depth(by_rows ? z.cols : z.rows, warps);
  // Entry ij of |Z| |Z|^T is |z_i| |z_j| at most, and the norm of those is the trace. Scaling rows
  // of a finished matrix to unit length rounds four times more.
  GramAccuracy accuracy{facts.trace, facts.frobenius, (depth + 4) * unit_roundoff * facts.trace};
  if (!options.center) return accuracy;
  if (by_rows) {
    accuracy.delta += two_sided_centering_error(z.rows, accuracy);
  } else {
    accuracy.delta += column_centering_error(depth, {&facts.sums_norm, 1}, facts.trace,
                                             static_cast<double>(z.rows));
  }
  return accuracy;
}

// ---- small matrices ----------------------------------------------------------------------------

// Some members of a group, on their way through the device. All that is known of them on either
// side lies in one buffer there and one here: input from the host, what the kernels are told, and
// what they answer.
struct Chunk {
  std::span<const std::int64_t> members;
  std::int64_t input = 0;  // bytes
  std::int64_t told_at() const { return (input + 255) / 256 * 256; }
  std::int64_t facts_at() const {
    return told_at() + count() * std::int64_t{sizeof(batch::Matrix)};
  }
  std::int64_t values_at() const {
    return facts_at() + count() * std::int64_t{sizeof(batch::Facts)};
  }
  std::int64_t bytes(int width) const {
    return values_at() + count() * width * std::int64_t{sizeof(double)};
  }
  std::int64_t count() const { return static_cast<std::int64_t>(members.size()); }
};

class SmallMatrices {
public:
  SmallMatrices(Resources& resources, const BatchSource& source, const Options& options,
                int workers, BatchSpectra& all, FirstBad& bad)
      : resources_(resources),
        source_(source),
        options_(options),
        workers_(workers),
        all_(all),
        bad_(bad) {}

  // Two chunks at a time: while the device computes one, the host packs the next and turns the
  // eigenvalues of the last into singular values.
  void run(const batch::Group& group) {
    std::array<Chunk, 2> chunks;
    std::size_t taken = 0;
    std::size_t turn = 0;
    while (taken < group.members.size()) {
      Chunk& chunk = chunks[turn];
      finish(group, turn, chunk);
      chunk = next_chunk(group, taken);
      taken += chunk.members.size();
      start(group, turn, chunk);
      turn = 1 - turn;
    }
    finish(group, turn, chunks[turn]);
    finish(group, 1 - turn, chunks[1 - turn]);
  }

private:
  const MatrixView& view(std::int64_t matrix) const {
    return source_.views[static_cast<std::size_t>(matrix)];
  }

  static std::int64_t slot(const batch::Group& group) {
    return group.largest_order * group.largest_order;
  }

  Chunk next_chunk(const batch::Group& group, std::size_t begin) const {
    const std::int64_t most =
        std::min(most_matrices, gram_bytes / (slot(group) * std::int64_t{sizeof(double)}));
    std::size_t end = begin;
    std::int64_t input = 0;
    while (end < group.members.size() && static_cast<std::int64_t>(end - begin) < most) {
      if (!source_.on_device) {
        const std::int64_t more = batch::packing_of(view(group.members[end])).bytes();
        if (end > begin && input + more > input_bytes) break;
        input += more;
      }
      ++end;
    }
    return {std::span(group.members).subspan(begin, end - begin), input};
  }

  // Writes what the kernels are told, and the input itself where it comes from the host.
  void tell(const Chunk& chunk, std::byte* here, const std::byte* there) const {
    auto* told = reinterpret_cast<batch::Matrix*>(here + chunk.told_at());
    if (source_.on_device) {
      for (const std::int64_t matrix : chunk.members) *told++ = batch::vectors_of(view(matrix));
      return;
    }
    std::vector<std::int64_t> offsets{0};
    for (const std::int64_t matrix : chunk.members) {
      offsets.push_back(offsets.back() + batch::packing_of(view(matrix)).bytes());
    }
    for_each(chunk, [&](std::size_t at) {
      const MatrixView& z = view(chunk.members[at]);
      const batch::Packed packed = batch::packing_of(z);
      batch::pack(z, packed, here + offsets[at]);
      told[at] = batch::vectors_of(batch::view_of(z, packed, there + offsets[at]));
    });
  }

  void start(const batch::Group& group, std::size_t turn, const Chunk& chunk) {
    const std::int64_t bytes = chunk.bytes(group.width);
    resources_.pinned[turn].reserve(bytes, "matrices of a batch");
    resources_.landed[turn].reserve(bytes, "matrices of a batch");
    resources_.blocks[0].reserve(chunk.count() * slot(group), "Gram matrices of a batch");
    std::byte* here = resources_.pinned[turn].data();
    std::byte* there = resources_.landed[turn].data();
    tell(chunk, here, there);

    const cudaStream_t stream = resources_.work;
    const std::int64_t from = source_.on_device ? chunk.told_at() : 0;
    RANKME_CUDA(cudaMemcpyAsync(there + from, here + from,
                                static_cast<std::size_t>(chunk.facts_at() - from),
                                cudaMemcpyHostToDevice, resources_.copy));
    resources_.copied[turn].record(resources_.copy);
    resources_.copied[turn].hold_back(stream);
    const auto* told = reinterpret_cast<const batch::Matrix*>(there + chunk.told_at());
    auto* facts = reinterpret_cast<batch::Facts*>(there + chunk.facts_at());
    auto* values = reinterpret_cast<double*>(there + chunk.values_at());
    double* grams = resources_.blocks[0].data();
    batch::launch_grams(told, chunk.count(), group.dtype, group.width, group.warps,
                        {options_.center, options_.normalize}, grams, slot(group), facts, stream);
    batch::launch_eigenvalues(grams, slot(group), chunk.count(), group.width, facts, values,
                              stream);
    RANKME_CUDA(cudaMemcpyAsync(here + chunk.facts_at(), facts,
                                static_cast<std::size_t>(bytes - chunk.facts_at()),
                                cudaMemcpyDeviceToHost, stream));
    resources_.multiplied[turn].record(stream);
  }

  // Waits for a chunk, and takes its answers. Its buffers are free afterwards.
  void finish(const batch::Group& group, std::size_t turn, Chunk& chunk) {
    if (chunk.members.empty()) return;
    resources_.multiplied[turn].synchronize();
    const std::byte* here = resources_.pinned[turn].data();
    const auto* facts = reinterpret_cast<const batch::Facts*>(here + chunk.facts_at());
    const auto* values = reinterpret_cast<const double*>(here + chunk.values_at());
    for_each(chunk, [&](std::size_t at) {
      take(chunk.members[at], facts[at], values + at * static_cast<std::size_t>(group.width),
           group.warps);
    });
    chunk = {};
  }

  void take(std::int64_t matrix, const batch::Facts& facts, const double* values, int warps) {
    if (facts.nonfinite != batch::all_finite) return bad_.found(matrix, facts.nonfinite);
    // Not finite, and no entry is to blame: the array changed while it was being read.
    if (!std::isfinite(facts.trace)) throw TornError();
    const MatrixView& z = view(matrix);
    const Extent extent = extent_of(z.rows, z.cols, options_.center, options_.normalize);
    const std::span<const double> ascending(values, static_cast<std::size_t>(facts.order));
    const GramAccuracy accuracy = accuracy_of(facts, z, warps, options_);
    const double absolute = options_.center ? subtraction_error(accuracy) : 0;
    put(from_eigenvalues(ascending, facts.exponent, extent, accuracy, absolute), matrix, all_);
  }

  // Over the members of a chunk, by all workers where there are many.
  void for_each(const Chunk& chunk, const std::function<void(std::size_t)>& body) const {
    const auto few = static_cast<int>(std::max<std::int64_t>(1, chunk.count() / 64));
    const int workers = source_.on_device ? std::min(workers_, few) : workers_;
    parallel_ranges(chunk.count(), workers, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) body(static_cast<std::size_t>(i));
    });
  }

  Resources& resources_;
  const BatchSource& source_;
  Options options_;
  int workers_;
  BatchSpectra& all_;
  FirstBad& bad_;
};

}  // namespace

BatchSpectra singular_values(const BatchSource& source, bool center, bool normalize, Method method,
                             Precision precision, int device, int workers) {
  BatchSpectra all = empty_spectra(source.views);
  FirstBad bad;
  batch::Plan plan;
  if (method == Method::gram) {
    plan = batch::plan(source.views, center);
  } else {
    plan.large.resize(source.views.size());
    std::iota(plan.large.begin(), plan.large.end(), 0);
  }
  {
    Lease resources(device);
    wait_for_producer(*resources, std::nullopt);
    for (const std::uintptr_t producer : source.producers) wait_for_producer(*resources, producer);
    SmallMatrices small(*resources, source, {center, normalize}, workers, all, bad);
    for (const batch::Group& group : plan.groups) small.run(group);
    if (!plan.large.empty())
      resources->synchronize();  // with the producers, so that nobody else must
  }
  for (const std::int64_t matrix : plan.large) {
    if (bad.any() && matrix > bad.matrix()) break;
    const Source one{source.views[static_cast<std::size_t>(matrix)], source.on_device};
    try {
      put(singular_values(one, center, normalize, method, precision, device), matrix, all);
    } catch (const NonFiniteError& error) {
      throw NonFiniteError(error.row(), error.column(), error.value(), matrix);
    }
  }
  if (bad.any()) {
    const Lease resources(device);
    const MatrixView& z = source.views[static_cast<std::size_t>(bad.matrix())];
    throw_bad_entry(z, source.on_device, bad.position() / z.cols, bad.position() % z.cols,
                    bad.matrix());
  }
  return all;
}

}  // namespace rankme::cuda
