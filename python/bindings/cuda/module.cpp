#include <pybind11/pybind11.h>

#include "../python_names.hpp"
#include "../register.hpp"
#include "register.hpp"

PYBIND11_MODULE(_cuda, m) {
  m.doc() = "The CUDA module of rankme.";
  // It takes the array views that _core makes.
  pybind11::module_::import(rankme::bindings::core_module);
  m.attr("__version__") = RANKME_VERSION;
  rankme::bindings::register_errors(m);
  rankme::bindings::cuda::register_devices(m);
  rankme::bindings::cuda::register_spectrum(m);
  rankme::bindings::cuda::register_accumulator(m);
  rankme::bindings::cuda::register_batch(m);
}
