#include <pybind11/pybind11.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "array_view.hpp"
#include "method_of.hpp"
#include "rankme/batch.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

// The matrices of a batch, and what keeps their memory.
struct Batch {
  std::vector<MatrixView> views;
  std::vector<py::object> owners;
};

// A matrix as rankme._arrays.as_matrix accepts it, which is asked only where that is not seen at
// once: a call into Python for each of 100,000 small arrays would take longer than their scores.
py::array checked_matrix(const py::handle& object, std::size_t index) {
  if (Py_TYPE(object.ptr()) == py::detail::npy_api::get().PyArray_Type_) {
    const auto array = py::reinterpret_borrow<py::array>(object);
    const py::dtype dtype = array.dtype();
    if (array.ndim() == 2 && array.size() > 0 && dtype.kind() == 'f' && dtype.itemsize() <= 8 &&
        dtype.byteorder() == '=') {
      return array;
    }
  }
  const py::object check = py::module_::import("rankme._arrays").attr("as_matrix");
  return check(object, "Zs[" + std::to_string(index) + "]");
}

// A 3-D array, or a list or tuple of matrices; the only place where objects become views.
Batch batch_of(const py::object& zs) {
  Batch batch;
  if (py::isinstance<py::array>(zs)) {
    const py::array array(zs);
    if (array.ndim() != 3) throw py::value_error("Zs must have 3 dimensions");
    const MatrixView first{static_cast<const std::byte*>(array.data()),
                           dtype_of(array),
                           array.shape(1),
                           array.shape(2),
                           array.strides(1),
                           array.strides(2)};
    batch.views.assign(static_cast<std::size_t>(array.shape(0)), first);
    for (py::ssize_t i = 0; i < array.shape(0); ++i) {
      batch.views[static_cast<std::size_t>(i)].data += i * array.strides(0);
    }
    batch.owners.push_back(array);
    return batch;
  }
  // The items are held one by one: another thread may change the list meanwhile.
  const py::tuple items(zs);
  batch.views.reserve(items.size());
  batch.owners.reserve(items.size());
  for (const py::handle item : items) {
    py::array array = checked_matrix(item, batch.views.size());
    batch.views.push_back(view_of(array));
    batch.owners.push_back(std::move(array));
  }
  return batch;
}

// (scaled, low, high, offsets, exponents), flat, one matrix after the other
py::tuple spectrum_batch(const py::object& zs, bool center, bool normalize,
                         const std::string& method) {
  const Batch batch = batch_of(zs);
  const Method by = method_of(method);
  BatchSpectra spectra;
  {
    const Unlocked unlocked;
    spectra = singular_values(batch.views, center, normalize, by);
  }
  return py::make_tuple(to_numpy(std::move(spectra.scaled)), to_numpy(std::move(spectra.low)),
                        to_numpy(std::move(spectra.high)), to_numpy(std::move(spectra.offsets)),
                        to_numpy(std::move(spectra.exponents)));
}

template <class T>
using Values = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> span_of(const Values<T>& values) {
  return {values.data(), static_cast<std::size_t>(values.size())};
}

py::tuple rankme_batch(const Values<double>& scaled, const Values<double>& low,
                       const Values<double>& high, const Values<std::int64_t>& offsets, double eps,
                       double tolerance) {
  BatchScores result;
  {
    const Unlocked unlocked;
    result = rankme(span_of(scaled), span_of(low), span_of(high), span_of(offsets), eps, tolerance);
  }
  return py::make_tuple(to_numpy(std::move(result.scores)), to_numpy(std::move(result.uncertain)));
}

}  // namespace

void register_batch(py::module_& m) {
  m.def("spectrum_batch", &spectrum_batch, py::arg("zs"), py::arg("center"), py::arg("normalize"),
        py::arg("method"));
  m.def("rankme_batch", &rankme_batch, py::arg("scaled").noconvert(), py::arg("low").noconvert(),
        py::arg("high").noconvert(), py::arg("offsets").noconvert(), py::arg("eps"),
        py::arg("tolerance"));
}

}  // namespace rankme::bindings
