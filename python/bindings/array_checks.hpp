// What every protocol's reader needs: a foreign description is checked before it is believed.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "array_view.hpp"

namespace rankme::bindings {

constexpr int max_ndim = 64;  // as NumPy

// Completes and checks shape and strides; no strides stand for C order. The memory itself is the
// producer's word: no pointer tells how far it reaches.
ArrayView checked(ArrayView view, const std::string& name);

// The bytes from the first entry on that are read, which may begin below it.
struct Extent {
  std::int64_t low;
  std::int64_t high;
  bool overflow;
};
Extent extent_of(const ArrayView& view);

// Whether all of them lie in the `size` bytes at `begin`.
bool lies_within(const ArrayView& view, const void* begin, std::int64_t size);

[[noreturn]] void refuse_dtype(const std::string& name, const std::string& dtype);

// Of the type of an object, with its module unless that is Python's own.
std::string type_name(py::handle object);

// The attribute, or a null object where it is missing or None. Other errors than AttributeError
// pass through.
py::object attribute(const py::object& object, const char* name);

// Integers of foreign tuples and dicts: TypeError where it is none, ValueError where it is out of
// range. `what` begins the message.
std::int64_t to_int64(py::handle value, const std::string& what);
std::uintptr_t to_address(py::handle value, const std::string& what);
std::vector<std::int64_t> to_int64s(py::handle tuple, const std::string& what);

}  // namespace rankme::bindings
