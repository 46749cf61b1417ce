#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "array_view.hpp"
#include "gram_state.hpp"
#include "matrix_list.hpp"
#include "numpy_vectors.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/spectrum.hpp"
#include "register.hpp"
#include "spectrum_tuple.hpp"
#include "states.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

using unlock = py::call_guard<Unlocked>;
using Labels = py::array_t<std::int64_t, py::array::c_style>;

void update(GroupSums& self, const ArrayView& z, const Labels& groups,
            const std::optional<std::string>& shard) {
  require_cpu(z);
  const MatrixView rows = matrix_of(z);
  if (groups.ndim() != 1 || groups.size() != rows.rows) {
    throw py::value_error("groups must have a label for each of the " + std::to_string(rows.rows) +
                          " rows, got " + std::to_string(groups.size()));
  }
  const std::int64_t* labels = groups.data();  // held by the argument
  const Unlocked unlocked;
  self.update(rows, labels, shard ? &*shard : nullptr);
}

std::vector<GroupSums*> all_of(const py::list& sums) {
  std::vector<GroupSums*> all;
  for (const py::handle sum : sums) all.push_back(sum.cast<GroupSums*>());
  return all;
}

void merge_all(const py::list& sums, const py::list& others) {
  const std::vector<GroupSums*> ours = all_of(sums);
  const std::vector<GroupSums*> theirs = all_of(others);
  if (ours.size() != theirs.size()) {
    throw py::value_error("cannot merge stacks of n_layers " + std::to_string(ours.size()) +
                          " and n_layers " + std::to_string(theirs.size()));
  }
  const Unlocked unlocked;
  GroupSums::merge_all(ours, theirs);
}

void update_all(const py::list& sums, const py::object& zs, const Labels& groups) {
  const std::vector<GroupSums*> all = all_of(sums);
  const MatrixList layers = matrices_of(zs);
  if (layers.views.size() != all.size()) {
    throw py::value_error("Zs has " + std::to_string(layers.views.size()) +
                          " layers, the accumulator has n_layers " + std::to_string(all.size()));
  }
  if (groups.size() != layers.views.front().rows) {
    throw py::value_error("groups must have a label for each row");
  }
  const std::int64_t* labels = groups.data();
  const Unlocked unlocked;
  GroupSums::update_all(all, layers.views, labels);
}

// (values, n_rows)
py::tuple spectrum(const GroupSums& self, bool center) {
  SingularValues values;
  std::int64_t n_rows = 0;
  {
    const Unlocked unlocked;
    CentredSum sum = self.total(&n_rows);
    values = singular_values(std::move(sum), self.probes(), center, self.normalize());
  }
  return py::make_tuple(to_tuple(std::move(values)), n_rows);
}

// (rows of each group, values of each with rows)
py::tuple of_groups(GroupSpectra found) {
  py::list filled;
  for (SingularValues& values : found.filled) filled.append(to_tuple(std::move(values)));
  return py::make_tuple(to_numpy(std::move(found.rows)), filled);
}

// (values of all rows, rows of each group, values without each that has rows)
py::tuple without_groups(GroupSpectra found) {
  py::tuple whole = to_tuple(std::move(found.whole));
  py::tuple groups = of_groups(std::move(found));
  return py::make_tuple(whole, groups[0], groups[1]);
}

py::tuple leave_out_spectra(const GroupSums& self, bool center) {
  GroupSpectra found;
  {
    const Unlocked unlocked;
    found = self.leave_out_spectra(center);
  }
  return without_groups(std::move(found));
}

py::tuple leave_out_of_wide(const ArrayView& z, const Labels& groups, std::int64_t n_groups,
                            bool center, bool normalize) {
  require_cpu(z);
  const MatrixView rows = matrix_of(z);
  if (groups.size() != rows.rows) throw py::value_error("groups must have a label for each row");
  const std::int64_t* labels = groups.data();
  GroupSpectra found;
  {
    const Unlocked unlocked;
    found = leave_out_spectra(rows, labels, n_groups, center, normalize);
  }
  return without_groups(std::move(found));
}

py::tuple group_spectra(const GroupSums& self, bool center) {
  GroupSpectra found;
  {
    const Unlocked unlocked;
    found = self.group_spectra(center);
  }
  return of_groups(std::move(found));
}

py::array_t<std::int64_t> group_rows(const GroupSums& self) {
  std::vector<std::int64_t> rows;
  {
    const Unlocked unlocked;
    rows = self.group_rows();
  }
  return to_numpy(std::move(rows));
}

py::tuple of_sum(CentredSum sum, std::uint64_t seed) {
  const std::int64_t n_rows = sum.rows;
  std::optional<PackedSum> packed;
  {
    const Unlocked unlocked;
    packed.emplace(std::move(sum));
  }
  return py::make_tuple(n_rows, packed->numbers(seed), std::move(*packed).arrays());
}

// ([(n_rows, numbers, arrays) of each group, the latter two as PackedSum has them], shards)
py::tuple state(const GroupSums& self) {
  std::vector<CentredSum> sums;
  ShardRows shards;
  {
    const Unlocked unlocked;
    sums = self.sums(&shards);
  }
  py::list groups;
  for (CentredSum& sum : sums) groups.append(of_sum(std::move(sum), self.seed()));
  return py::make_tuple(groups, table_of(shards));
}

// (n_rows, numbers, arrays, shards) of all rows, as a GramAccumulator takes them
py::tuple total_state(const GroupSums& self) { return gram_state(self); }

py::tuple group_state(const GroupSums& self, std::int64_t group) {
  std::optional<CentredSum> sum;
  {
    const Unlocked unlocked;
    sum.emplace(self.group(group));
  }
  return of_sum(std::move(*sum), self.seed());
}

std::unique_ptr<GroupSums> from_state(std::int64_t dim, bool normalize, const py::list& groups,
                                      ShardRows shards) {
  std::vector<CentredSum> sums;
  std::uint64_t seed = 0;
  for (const py::handle item : groups) {
    const auto group = py::cast<py::tuple>(item);
    const auto numbers = group[1].cast<py::tuple>();
    const auto arrays = group[2].cast<py::tuple>();
    if (!is_scatter(arrays)) throw py::value_error("a group is a scatter about the mean");
    seed = seed_of(numbers);
    sums.push_back(
        scatter_of(dim, group[0].cast<std::int64_t>(), numbers, arrays, Storage::packed));
  }
  if (sums.empty()) throw py::value_error("there must be one group at least");
  const Unlocked unlocked;
  return std::make_unique<GroupSums>(std::move(sums), normalize, seed, std::move(shards));
}

}  // namespace

void register_groups(py::module_& m) {
  m.def("leave_out_of_wide", &leave_out_of_wide, py::arg("z"), py::arg("groups").noconvert(),
        py::arg("n_groups"), py::arg("center"), py::arg("normalize"));
  m.def("merge_groups_of_all", &merge_all, py::arg("sums"), py::arg("others"));
  m.def("update_groups_of_all", &update_all, py::arg("sums"), py::arg("zs"),
        py::arg("groups").noconvert());
  py::class_<GroupSums>(m, "GroupSums")
      .def(py::init<std::int64_t, std::int64_t, bool, std::uint64_t>(), py::arg("dim"),
           py::arg("n_groups"), py::arg("normalize"), py::arg("seed"), unlock())
      .def_static("from_state", &from_state, py::arg("dim"), py::arg("normalize"),
                  py::arg("groups"), py::arg("shards") = ShardRows())
      .def_property_readonly("dim", &GroupSums::dim)
      .def_property_readonly("n_groups", &GroupSums::n_groups)
      .def_property_readonly("normalize", &GroupSums::normalize)
      .def_property_readonly("seed", &GroupSums::seed)
      .def_property_readonly(
          "n_rows", py::cpp_function(&GroupSums::n_rows, py::is_method(py::none()), unlock()))
      .def_property_readonly("group_rows", &group_rows)
      .def_property_readonly("shards", &shards_of<GroupSums>)
      .def("update", &update, py::arg("z"), py::arg("groups").noconvert(),
           py::arg("shard") = py::none())
      .def("merge", &GroupSums::merge, py::arg("other"), unlock())
      .def("reset", &GroupSums::reset, unlock())
      .def("gram", &dense_gram<GroupSums>)
      .def("spectrum", &spectrum, py::arg("center"))
      .def("leave_out_spectra", &leave_out_spectra, py::arg("center"))
      .def("group_spectra", &group_spectra, py::arg("center"))
      .def("state", &state)
      .def("total_state", &total_state)
      .def("group_state", &group_state, py::arg("group"));
}

}  // namespace rankme::bindings
