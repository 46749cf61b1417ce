// What module.cpp calls; one function a concern.
#pragma once

#include <pybind11/pybind11.h>

namespace rankme::bindings {

void register_accumulator(pybind11::module_& m);
void register_arrays(pybind11::module_& m);
void register_batch(pybind11::module_& m);
void register_config(pybind11::module_& m);
void register_errors(pybind11::module_& m);
void register_groups(pybind11::module_& m);
void register_layers(pybind11::module_& m);
void register_lidar(pybind11::module_& m);
void register_matrices(pybind11::module_& m);
void register_scatter(pybind11::module_& m);
void register_spectrum(pybind11::module_& m);

}  // namespace rankme::bindings
