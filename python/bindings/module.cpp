#include <pybind11/pybind11.h>

#include "register.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of rankme.";
  m.attr("__version__") = RANKME_VERSION;
  rankme::bindings::register_errors(m);
  rankme::bindings::register_config(m);
  rankme::bindings::register_arrays(m);
  rankme::bindings::register_spectrum(m);
  rankme::bindings::register_accumulator(m);
}
