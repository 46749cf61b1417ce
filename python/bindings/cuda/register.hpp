// What module.cpp calls; one function a concern.
#pragma once

#include <pybind11/pybind11.h>

namespace rankme::bindings::cuda {

void register_accumulator(pybind11::module_& m);
void register_batch(pybind11::module_& m);
void register_devices(pybind11::module_& m);
void register_spectrum(pybind11::module_& m);

}  // namespace rankme::bindings::cuda
