#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../spectrum_tuple.hpp"
#include "../states.hpp"
#include "../unlocked.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/qr.hpp"
#include "register.hpp"
#include "source.hpp"

namespace rankme::bindings::cuda {

namespace {

using rankme::cuda::GramAccumulator;
using rankme::cuda::QrAccumulator;
using unlock = py::call_guard<Unlocked>;

// As in _core: the GIL goes first, the accumulator's lock is taken after.
template <class Accumulator>
void update(Accumulator& self, const ArrayView& z, const std::optional<std::string>& shard) {
  const Unlocked unlocked;
  self.update(source_of(z, self.device()), shard ? &*shard : nullptr);
}

template <class Accumulator>
py::tuple spectrum(const Accumulator& self, bool center) {
  SingularValues values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    values = self.spectrum(center, &n_rows);
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

// What both kinds have in common.
template <class Accumulator>
py::class_<Accumulator> register_kind(py::module_& m, const char* name) {
  return py::class_<Accumulator>(m, name)
      .def_property_readonly("dim", &Accumulator::dim)
      .def_property_readonly("normalize", &Accumulator::normalize)
      .def_property_readonly("device", &Accumulator::device)
      .def_property_readonly("n_rows",
                             py::cpp_function([](const Accumulator& self) { return self.n_rows(); },
                                              py::is_method(py::none()), unlock()))
      .def_property_readonly("shards", &shards_of<Accumulator>)
      .def("update", &update<Accumulator>, py::arg("z"), py::arg("shard") = py::none())
      .def("merge", py::overload_cast<const Accumulator&>(&Accumulator::merge), py::arg("other"),
           unlock())
      .def("reset", &Accumulator::reset, unlock())
      .def("spectrum", &spectrum<Accumulator>, py::arg("center"));
}

std::unique_ptr<GramAccumulator> make_gram(std::int64_t dim, bool normalize, std::uint64_t seed,
                                           int device, const std::string& precision) {
  const Precision arithmetic = precision_of(precision);
  const Unlocked unlocked;
  return std::make_unique<GramAccumulator>(dim, normalize, seed, device, arithmetic);
}

std::unique_ptr<GramAccumulator> load_gram(std::int64_t dim, bool normalize, std::int64_t n_rows,
                                           const py::tuple& numbers, const Doubles& column_sums,
                                           const Doubles& probe_products, const Doubles& triangle,
                                           ShardRows shards, int device,
                                           const std::string& precision) {
  const Precision arithmetic = precision_of(precision);
  const GramSum sum = sum_of(dim, numbers, column_sums, probe_products, triangle);
  const std::uint64_t seed = seed_of(numbers);
  const Unlocked unlocked;
  return std::make_unique<GramAccumulator>(sum, n_rows, normalize, seed, device, arithmetic,
                                           std::move(shards));
}

std::unique_ptr<QrAccumulator> load_qr(std::int64_t dim, bool normalize, std::int64_t n_rows,
                                       const py::tuple& numbers, const Doubles& triangle,
                                       ShardRows shards, int device) {
  const QrFactor factor = qr_from_state(dim, numbers, triangle);
  const Unlocked unlocked;
  return std::make_unique<QrAccumulator>(factor, n_rows, normalize, device, std::move(shards));
}

}  // namespace

void register_accumulator(py::module_& m) {
  register_kind<GramAccumulator>(m, "GramAccumulator")
      .def(py::init(&make_gram), py::arg("dim"), py::arg("normalize"), py::arg("seed"),
           py::arg("device"), py::arg("precision"))
      .def_property_readonly("seed", &GramAccumulator::seed)
      .def_property_readonly(
          "fast_rows",
          py::cpp_function([](const GramAccumulator& self) { return self.fast_rows(); },
                           py::is_method(py::none()), unlock()))
      .def("gram", &dense_gram<GramAccumulator>)
      .def("state", &gram_state<GramAccumulator>)
      .def("set_products", &GramAccumulator::set_products, py::arg("tile"), py::arg("splits"),
           py::arg("block_bytes"), unlock())
      .def_static("from_state", &load_gram, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("column_sums").noconvert(),
                  py::arg("probe_products").noconvert(), py::arg("triangle").noconvert(),
                  py::arg("shards"), py::arg("device"), py::arg("precision"));
  register_kind<QrAccumulator>(m, "QrAccumulator")
      .def(py::init([](std::int64_t dim, bool normalize, int device) {
             const Unlocked unlocked;
             return std::make_unique<QrAccumulator>(dim, normalize, Means::kept, device);
           }),
           py::arg("dim"), py::arg("normalize"), py::arg("device"))
      .def("state", &qr_state<QrAccumulator>)
      .def_static("from_state", &load_qr, py::arg("dim"), py::arg("normalize"), py::arg("n_rows"),
                  py::arg("numbers"), py::arg("triangle").noconvert(), py::arg("shards"),
                  py::arg("device"));
}

}  // namespace rankme::bindings::cuda
