#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "array_view.hpp"
#include "rankme/gram.hpp"
#include "rankme/probe.hpp"
#include "rankme/qr.hpp"
#include "rankme/shards.hpp"
#include "rankme/spectrum.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

using unlock = py::call_guard<Unlocked>;

// Every method that computes releases the GIL first and takes the accumulator's lock after, so
// that a thread waiting for the lock never holds the interpreter.
template <class Accumulator>
void update(Accumulator& self, const py::array& z, const std::optional<std::string>& shard) {
  const MatrixView view = view_of(z);
  const Unlocked unlocked;
  self.update(view, shard ? &*shard : nullptr);
}

// Ids are bytes on this side: names of files need not be text.
py::dict to_dict(const ShardRows& shards) {
  py::dict table;
  for (const auto& [shard, rows] : shards) table[py::bytes(shard)] = rows;
  return table;
}

template <class Accumulator>
py::dict shards(const Accumulator& self) {
  ShardRows table;
  {
    const Unlocked unlocked;
    table = self.shards();
  }
  return to_dict(table);
}

template <class Accumulator>
py::tuple spectrum(const Accumulator& self, bool center) {
  SingularValues values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    values = singular_values(self, center, &n_rows);
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

// What both kinds have in common.
template <class Accumulator>
py::class_<Accumulator> register_kind(py::module_& m, const char* name) {
  return py::class_<Accumulator>(m, name)
      .def_property_readonly("dim", &Accumulator::dim)
      .def_property_readonly("normalize", &Accumulator::normalize)
      .def_property_readonly("n_rows",
                             py::cpp_function([](const Accumulator& self) { return self.n_rows(); },
                                              py::is_method(py::none()), unlock()))
      .def_property_readonly("shards", &shards<Accumulator>)
      .def("update", &update<Accumulator>, py::arg("z").noconvert(), py::arg("shard") = py::none())
      .def("merge", &Accumulator::merge, py::arg("other"), unlock())
      .def("reset", &Accumulator::reset, unlock())
      .def("spectrum", &spectrum<Accumulator>, py::arg("center"));
}

py::array_t<double> gram(const GramAccumulator& self) {
  std::vector<double> full;
  {
    const Unlocked unlocked;
    std::int64_t n_rows = 0;
    full = self.total(&n_rows).dense();
  }
  const auto dim = static_cast<py::ssize_t>(self.dim());
  return to_numpy(std::move(full), {dim, dim});
}

py::tuple gram_state(const GramAccumulator& self) {
  std::int64_t n_rows = 0;
  std::vector<double> triangle;
  GramSum rest(1);
  ShardRows shards;
  {
    const Unlocked unlocked;
    rest = self.total(&n_rows, &shards);
    triangle = rest.packed();
    rest.gram = {};
  }
  return py::make_tuple(
      n_rows, py::make_tuple(rest.exponent, self.seed(), rest.blocks, rest.longest_block),
      py::make_tuple(to_numpy(std::move(rest.column_sums)),
                     to_numpy(std::move(rest.probe_products)), to_numpy(std::move(triangle))),
      to_dict(shards));
}

std::unique_ptr<GramAccumulator> gram_from_state(std::int64_t dim, bool normalize,
                                                 std::int64_t n_rows, const py::tuple& numbers,
                                                 const Doubles& column_sums,
                                                 const Doubles& probe_products,
                                                 const Doubles& triangle, ShardRows shards) {
  const auto seed = numbers[1].cast<std::uint64_t>();
  std::vector<double> sums = to_vector(column_sums, dim, "column_sums");
  std::vector<double> products = to_vector(probe_products, dim * probe_count, "probe_products");
  if (triangle.size() != dim * (dim + 1) / 2) throw py::value_error("triangle has another size");
  const auto exponent = numbers[0].cast<int>();
  const auto blocks = numbers[2].cast<std::int64_t>();
  const auto longest_block = numbers[3].cast<std::int64_t>();

  const Unlocked unlocked;
  GramSum sum(dim);
  sum.exponent = exponent;
  sum.blocks = blocks;
  sum.longest_block = longest_block;
  sum.column_sums = std::move(sums);
  sum.probe_products = std::move(products);
  sum.unpack(triangle.data());
  return std::make_unique<GramAccumulator>(std::move(sum), n_rows, normalize, seed,
                                           std::move(shards));
}

py::tuple qr_state(const QrAccumulator& self) {
  std::int64_t n_rows = 0;
  std::int64_t blocks = 0;
  ShardRows shards;
  std::vector<double> triangle;
  {
    const Unlocked unlocked;
    const QrFactor factor = self.total(&n_rows, &shards);
    blocks = factor.blocks;
    triangle = factor.packed();
  }
  return py::make_tuple(n_rows, py::make_tuple(blocks),
                        py::make_tuple(to_numpy(std::move(triangle))), to_dict(shards));
}

std::unique_ptr<QrAccumulator> qr_from_state(std::int64_t dim, bool normalize, std::int64_t n_rows,
                                             const py::tuple& numbers, const Doubles& triangle,
                                             ShardRows shards) {
  const auto blocks = numbers[0].cast<std::int64_t>();
  if (triangle.size() != (dim + 1) * (dim + 2) / 2) {
    throw py::value_error("triangle has another size");
  }
  const Unlocked unlocked;
  QrFactor factor(dim, true);
  factor.blocks = blocks;
  factor.unpack(triangle.data());
  return std::make_unique<QrAccumulator>(std::move(factor), n_rows, normalize, std::move(shards));
}

}  // namespace

void register_accumulator(py::module_& m) {
  register_kind<GramAccumulator>(m, "GramAccumulator")
      .def(py::init<std::int64_t, bool, std::uint64_t, bool>(), py::arg("dim"),
           py::arg("normalize"), py::arg("seed"), py::arg("probed") = true, unlock())
      .def_property_readonly("seed", &GramAccumulator::seed)
      .def("gram", &gram)
      .def("state", &gram_state)
      .def_static("from_state", &gram_from_state, py::arg("dim"), py::arg("normalize"),
                  py::arg("n_rows"), py::arg("numbers"), py::arg("column_sums").noconvert(),
                  py::arg("probe_products").noconvert(), py::arg("triangle").noconvert(),
                  py::arg("shards") = ShardRows());
  register_kind<QrAccumulator>(m, "QrAccumulator")
      .def(py::init([](std::int64_t dim, bool normalize) {
             return std::make_unique<QrAccumulator>(dim, normalize, QrAccumulator::Means::kept);
           }),
           py::arg("dim"), py::arg("normalize"), unlock())
      .def("state", &qr_state)
      .def_static("from_state", &qr_from_state, py::arg("dim"), py::arg("normalize"),
                  py::arg("n_rows"), py::arg("numbers"), py::arg("triangle").noconvert(),
                  py::arg("shards") = ShardRows());
}

}  // namespace rankme::bindings
