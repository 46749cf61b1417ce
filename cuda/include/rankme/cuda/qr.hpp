// The streaming QR factorisation on a GPU: R <- qr([R; block]) by cusolverDnXgeqrf.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/source.hpp"
#include "rankme/ledger.hpp"
#include "rankme/qr_factor.hpp"
#include "rankme/values.hpp"

namespace rankme::cuda {

// As rankme::QrAccumulator, with the same state. Means::none leaves the ones out.
class QrAccumulator {
public:
  QrAccumulator(std::int64_t dim, bool normalize, Means means, int device);
  QrAccumulator(QrFactor factor, std::int64_t n_rows, bool normalize, int device,
                ShardRows shards = {});
  ~QrAccumulator();
  QrAccumulator(const QrAccumulator&) = delete;
  QrAccumulator& operator=(const QrAccumulator&) = delete;

  // All or nothing, as GramAccumulator::update. No entry may exceed 2^1000.
  void update(const Source& source, const std::string* shard = nullptr);
  // The same with what a one-shot call does to its rows.
  void update(const Source& source, const DevicePreparation& preparation,
              const std::string* shard = nullptr);
  void merge(const QrAccumulator& other);
  void reset();

  std::int64_t dim() const { return dim_; }
  std::int64_t order() const { return dim_ + (with_ones_ ? 1 : 0); }
  bool normalize() const { return normalize_; }
  int device() const { return device_; }
  std::int64_t n_rows() const;
  ShardRows shards() const;
  QrFactor total(std::int64_t* n_rows, ShardRows* shards = nullptr) const;
  SingularValues spectrum(bool center, std::int64_t* n_rows) const;

private:
  Terms terms() const { return {dim_, normalize_}; }

  std::int64_t dim_;
  bool with_ones_;
  bool normalize_;
  int device_;
  Ledger ledger_;
  std::int64_t blocks_ = 0;
  double beside_ = 0;            // as in QrFactor
  DeviceBuffer<double> factor_;  // (order, order) column-major, upper triangle, zeros below
  mutable std::mutex mutex_;
};

// Of a factor on the host, by cusolverDnXgesvd: descending, dim of them.
std::vector<double> singular_values(Resources& resources, const QrFactor& factor, bool center);

}  // namespace rankme::cuda
