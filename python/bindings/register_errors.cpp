#include <pybind11/pybind11.h>

#include <exception>

#include "python_names.hpp"
#include "rankme/error.hpp"
#include "register.hpp"

namespace rankme::bindings {

namespace py = pybind11;

// pybind11 already turns std::invalid_argument into ValueError, std::bad_alloc into MemoryError
// (with what() as its text) and std::runtime_error, LapackError among them, into RuntimeError.
void register_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const NonFiniteError& error) {
      const py::object type = import_object(non_finite_error);
      const py::object matrix = error.matrix() ? py::int_(*error.matrix()) : py::object(py::none());
      const py::object made = type(error.row(), error.column(), error.value(), matrix);
      PyErr_SetObject(type.ptr(), made.ptr());
    } catch (const DuplicateShardError& error) {
      const py::object make = import_object(duplicate_shard);
      const py::object made = make(py::bytes(error.shard()), error.held(), error.added());
      PyErr_SetObject(PyExc_ValueError, made.ptr());
    } catch (const IntegrityError& error) {
      const py::object type = import_object(integrity_error);
      PyErr_SetString(type.ptr(), error.what());
    }
  });
}

}  // namespace rankme::bindings
