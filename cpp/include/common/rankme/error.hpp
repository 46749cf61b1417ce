// The failures that callers can tell apart. Everything else is a std exception.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace rankme {

// An entry of the input is NaN or infinite; where the input is several matrices, `matrix` is the
// number of the one that it stands in.
class NonFiniteError : public std::runtime_error {
public:
  NonFiniteError(std::int64_t row, std::int64_t column, double value,
                 std::optional<std::int64_t> matrix = std::nullopt);

  std::int64_t row() const noexcept { return row_; }
  std::int64_t column() const noexcept { return column_; }
  double value() const noexcept { return value_; }
  std::optional<std::int64_t> matrix() const noexcept { return matrix_; }

private:
  std::int64_t row_;
  std::int64_t column_;
  double value_;
  std::optional<std::int64_t> matrix_;
};

// Two accumulators that are to be merged both hold rows of one shard.
class DuplicateShardError : public std::invalid_argument {
public:
  DuplicateShardError(const std::string& shard, std::int64_t held, std::int64_t added);

  const std::string& shard() const noexcept { return shard_; }
  std::int64_t held() const noexcept { return held_; }
  std::int64_t added() const noexcept { return added_; }

private:
  std::string shard_;
  std::int64_t held_;
  std::int64_t added_;
};

// An accumulator holds part of an update, because the array changed while it was being read.
class TornError : public std::runtime_error {
public:
  TornError();
};

// A LAPACK routine came back with info != 0.
class LapackError : public std::runtime_error {
public:
  LapackError(const std::string& routine, int info, const std::string& meaning);
};

// A computed matrix does not agree with the probes that were carried along with it.
class IntegrityError : public std::runtime_error {
public:
  IntegrityError(double residual, double allowed);
};

// Memory that was asked for by its size in bytes, and what it was for, could not be had.
class OutOfMemory : public std::bad_alloc {
public:
  OutOfMemory(const std::string& purpose, double bytes);
  // For a library that does not tell how much it wanted.
  explicit OutOfMemory(const std::string& purpose);
  const char* what() const noexcept override { return what_.c_str(); }

private:
  std::string what_;
};

}  // namespace rankme
