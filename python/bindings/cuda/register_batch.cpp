#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../method_name.hpp"
#include "../numpy_vectors.hpp"
#include "../python_names.hpp"
#include "../unlocked.hpp"
#include "rankme/cuda/batch.hpp"
#include "register.hpp"
#include "source.hpp"

namespace rankme::bindings::cuda {

namespace {

using rankme::cuda::BatchSource;
using rankme::cuda::BatchSpectra;

void add_producer(const ArrayView& view, BatchSource& source) {
  if (!view.producer_stream) return;
  auto& known = source.producers;
  if (std::find(known.begin(), known.end(), *view.producer_stream) == known.end()) {
    known.push_back(*view.producer_stream);
  }
}

// (B, N, K)
BatchSource source_of_stack(const ArrayView& view, int device) {
  if (view.shape.size() != 3) throw py::value_error("Zs must have 3 dimensions");
  require_place(view, device);
  BatchSource source;
  source.on_device = view.device_type == DeviceType::cuda;
  add_producer(view, source);
  MatrixView matrix{view.data,     view.dtype,      view.shape[1],
                    view.shape[2], view.strides[1], view.strides[2]};
  source.views.reserve(static_cast<std::size_t>(view.shape[0]));
  for (std::int64_t i = 0; i < view.shape[0]; ++i) {
    source.views.push_back(matrix);
    matrix.data += view.strides[0];
  }
  return source;
}

BatchSource source_of_list(const py::sequence& zs, int device) {
  BatchSource source;
  source.views.reserve(zs.size());
  for (const py::handle item : zs) {
    const auto& view = item.cast<const ArrayView&>();
    require_place(view, device);
    const bool on_device = view.device_type == DeviceType::cuda;
    if (source.views.empty()) source.on_device = on_device;
    if (on_device != source.on_device) {
      throw py::value_error("Zs[" + std::to_string(source.views.size()) + "] lies on " +
                            device_name(view.device_type, view.device_id) +
                            ", and those before it on " + (on_device ? "cpu" : "a GPU") +
                            "; a batch must lie in one place");
    }
    source.views.push_back(matrix_of(view));
    add_producer(view, source);
  }
  return source;
}

template <class T>
py::array_t<T> copied(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// As that of _core: (scaled, low, high, offsets, exponents), flat, one matrix after the other.
py::tuple spectrum_batch(const py::object& zs, bool center, bool normalize,
                         const std::string& method, const std::string& precision, int device) {
  const Method by = method_of(method);
  const Precision arithmetic = precision_of(precision);
  // The items are held here: another thread may change the list meanwhile.
  const py::object held = py::isinstance<ArrayView>(zs) ? zs : py::tuple(zs);
  const BatchSource source = py::isinstance<ArrayView>(zs)
                                 ? source_of_stack(zs.cast<const ArrayView&>(), device)
                                 : source_of_list(held, device);
  // There is one budget of threads, and _core has it.
  const int workers = import_object(num_threads_of_core)().cast<int>();
  BatchSpectra spectra;
  {
    const Unlocked unlocked;
    spectra =
        rankme::cuda::singular_values(source, center, normalize, by, arithmetic, device, workers);
  }
  return py::make_tuple(to_numpy(std::move(spectra.scaled)), to_numpy(std::move(spectra.low)),
                        to_numpy(std::move(spectra.high)), copied(spectra.offsets),
                        copied(spectra.exponents));
}

}  // namespace

void register_batch(py::module_& m) {
  m.def("spectrum_batch", &spectrum_batch, py::arg("zs"), py::arg("center"), py::arg("normalize"),
        py::arg("method"), py::arg("precision"), py::arg("device"));
}

}  // namespace rankme::bindings::cuda
