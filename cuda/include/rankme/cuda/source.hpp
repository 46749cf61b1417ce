// A matrix and where it lies.
#pragma once

#include <cstdint>
#include <optional>

#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

// on_device: view.data is an address of the GPU that computes. Its memory is read on our streams
// after what was promised on import_stream() and after `producer`, if there is one
// (wait_for_producer). Otherwise view.data is host memory, pinned or not.
struct Source {
  MatrixView view;
  bool on_device = false;
  std::optional<std::uintptr_t> producer = std::nullopt;
};

}  // namespace rankme::cuda
