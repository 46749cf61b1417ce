#include "rankme/error.hpp"

#include <cmath>
#include <cstdio>

namespace rankme {

namespace {

std::string describe(std::int64_t row, std::int64_t column, double value,
                     std::optional<std::int64_t> matrix) {
  const std::string name = matrix ? "Zs[" + std::to_string(*matrix) + "]" : "Z";
  const char* text = std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
  return name + "[" + std::to_string(row) + ", " + std::to_string(column) + "] is " + text +
         "; every entry must be finite";
}

std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

std::string mebibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", bytes / (1024.0 * 1024.0));
  return text;
}

}  // namespace

NonFiniteError::NonFiniteError(std::int64_t row, std::int64_t column, double value,
                               std::optional<std::int64_t> matrix)
    : std::runtime_error(describe(row, column, value, matrix)),
      row_(row),
      column_(column),
      value_(value),
      matrix_(matrix) {}

DuplicateShardError::DuplicateShardError(const std::string& shard, std::int64_t held,
                                         std::int64_t added)
    : std::invalid_argument("cannot merge accumulators that both hold rows of shard '" + shard +
                            "': " + std::to_string(held) + " and " + std::to_string(added)),
      shard_(shard),
      held_(held),
      added_(added) {}

TornError::TornError()
    : std::runtime_error(
          "the accumulator holds part of an update, whose array was changed by another thread "
          "while "
          "it was being read; reset() it, or load() a saved state") {}

LapackError::LapackError(const std::string& routine, int info, const std::string& meaning)
    : std::runtime_error("LAPACK " + routine + " returned info = " + std::to_string(info) + ": " +
                         meaning) {}

IntegrityError::IntegrityError(double residual, double allowed)
    : std::runtime_error("the Gram matrix disagrees with its probes by " + scientific(residual) +
                         ", where rounding explains " + scientific(allowed) +
                         ": memory, the processor or the BLAS is at fault, and the sum is lost") {}

OutOfMemory::OutOfMemory(const std::string& purpose, double bytes)
    : what_("out of memory: " + purpose + " needs " + mebibytes(bytes)) {}

OutOfMemory::OutOfMemory(const std::string& purpose) : what_("out of memory: " + purpose) {}

}  // namespace rankme
