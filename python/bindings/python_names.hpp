// What C++ takes from the Python side of the package, by name. No tool that follows imports sees
// these strings, and a wrong one shows only when it is used; so they stand here, and nowhere else.
#pragma once

#include <pybind11/pybind11.h>

namespace rankme::bindings {

inline constexpr const char* core_module = "rankme._core";

struct PythonName {
  const char* module;
  const char* attribute;
};

inline constexpr PythonName as_rows{"rankme.sources.memory", "as_rows"};
inline constexpr PythonName dtype_refusal{"rankme._base.dtypes", "dtype_refusal"};
inline constexpr PythonName duplicate_shard{"rankme._accumulators.shards", "duplicate_shard"};
inline constexpr PythonName integrity_error{"rankme._base.errors", "IntegrityError"};
inline constexpr PythonName non_finite_error{"rankme._base.errors", "NonFiniteError"};
inline constexpr PythonName num_threads_of_core{core_module, "num_threads"};

inline pybind11::object import_object(const PythonName& name) {
  return pybind11::module_::import(name.module).attr(name.attribute);
}

}  // namespace rankme::bindings
