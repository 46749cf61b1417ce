#include <pybind11/pybind11.h>

#include "register.hpp"

// The module needs no GIL: what it makes is either never changed afterwards (views, arrays) or
// locks itself (accumulators); docs/developers/decisions/022-free-threading.md has the audit.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "The compiled core of rankme.";
  m.attr("__version__") = RANKME_VERSION;
  rankme::bindings::register_errors(m);
  rankme::bindings::register_config(m);
  rankme::bindings::register_arrays(m);
  rankme::bindings::register_spectrum(m);
  rankme::bindings::register_accumulator(m);
  rankme::bindings::register_groups(m);
  rankme::bindings::register_layers(m);
  rankme::bindings::register_lidar(m);
  rankme::bindings::register_matrices(m);
  rankme::bindings::register_scatter(m);
  rankme::bindings::register_batch(m);
}
