# Decides whether the CUDA module is built, prints why, and sets
#
#   RANKME_WITH_CUDA      ON or OFF
#   RANKME_CUDA_RPATH     where the module looks for cuBLAS and cuSOLVER when it is loaded
#   rankme::cuda_libraries  cuBLAS, cuSOLVER and the static CUDA runtime, with their headers
#
# nvcc and the libraries are looked for apart, since they often come apart: nvcc from a toolkit or
# from PyPI (nvidia-cuda-nvcc), the libraries from PyPI (nvidia-cublas, nvidia-cusolver) or a toolkit.
set(RANKME_WITH_CUDA OFF)
if(RANKME_CUDA STREQUAL "OFF")
  message(STATUS "CUDA module: no (RANKME_CUDA=OFF)")
  return()
elseif(NOT RANKME_CUDA MATCHES "^(AUTO|ON)$")
  message(FATAL_ERROR "RANKME_CUDA must be 'AUTO', 'ON' or 'OFF', got '${RANKME_CUDA}'")
endif()

set(cuda_roots "")
set(cuda_missing "")

# The folder nvidia/cu13 that all CUDA 13 packages of PyPI share. Two environments may each hold a
# part (a venv on top of the system's packages): the one with cuBLAS comes first. pip's isolation
# hides the environment that the package is installed into from imports, but not its paths.
if(Python_EXECUTABLE)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c [[
import importlib.util, pathlib, sysconfig
spec = importlib.util.find_spec("nvidia")
places = [pathlib.Path(p) for p in (spec.submodule_search_locations if spec else ())]
places += [pathlib.Path(sysconfig.get_path(kind)) / "nvidia" for kind in ("purelib", "platlib")]
roots = [r for r in (p / "cu13" for p in dict.fromkeys(places)) if r.is_dir()]
print(*sorted(roots, key=lambda r: not (r / "lib/libcublas.so.13").exists()), sep=";", end="")]]
    OUTPUT_VARIABLE cuda_roots)
endif()
set(wheel_bins "${cuda_roots}")
list(TRANSFORM wheel_bins APPEND "/bin")

if(DEFINED ENV{CUDACXX} AND NOT RANKME_NVCC)
  set(RANKME_NVCC "$ENV{CUDACXX}" CACHE FILEPATH "nvcc")
endif()
find_program(RANKME_NVCC nvcc HINTS "$ENV{CUDA_PATH}/bin" "$ENV{CUDA_HOME}/bin"
             PATHS /usr/local/cuda/bin ${wheel_bins})
if(RANKME_NVCC)
  execute_process(COMMAND "${RANKME_NVCC}" --version OUTPUT_VARIABLE nvcc_says)
  string(REGEX MATCH "release ([0-9]+)\\.[0-9]+" nvcc_release "${nvcc_says}")
  if(NOT CMAKE_MATCH_1 STREQUAL "13")
    list(APPEND cuda_missing "an nvcc of CUDA 13 (${RANKME_NVCC} says '${nvcc_release}')")
  endif()
  # The name may be that of a wrapper script; nvcc itself knows where it lives.
  execute_process(COMMAND "${RANKME_NVCC}" --dryrun -x cu -c /dev/null -o /dev/null
                  ERROR_VARIABLE nvcc_says)
  string(REGEX MATCH "#\\$ TOP=([^\n]*)" _ "${nvcc_says}")
  get_filename_component(nvcc_root "${CMAKE_MATCH_1}" REALPATH)
  list(APPEND cuda_roots "${nvcc_root}")
else()
  list(APPEND cuda_missing "nvcc (a CUDA 13 toolkit, or nvidia-cuda-nvcc of PyPI)")
endif()

foreach(header cublas_v2 cusolverDn)
  find_path(RANKME_${header}_DIR ${header}.h HINTS ${cuda_roots} PATH_SUFFIXES include NO_DEFAULT_PATH)
  if(NOT RANKME_${header}_DIR)
    list(APPEND cuda_missing "${header}.h")
  endif()
endforeach()
# The wheels have no libcublas.so, only libcublas.so.13, so FindCUDAToolkit is told the full names.
foreach(library cublas.so.13 cublasLt.so.13 cusolver.so.12 cusparse.so.12 nvJitLink.so.13)
  string(REGEX REPLACE "\\..*" "" name "${library}")
  find_library(CUDA_${name}_LIBRARY lib${library} HINTS ${cuda_roots} PATH_SUFFIXES lib lib64
               NO_DEFAULT_PATH)
  if(NOT CUDA_${name}_LIBRARY)
    list(APPEND cuda_missing "lib${library}")
  endif()
endforeach()

if(NOT cuda_missing)
  set(ENV{CUDACXX} "${nvcc_root}/bin/nvcc")
  set(ENV{LIBRARY_PATH} "$ENV{LIBRARY_PATH}:${nvcc_root}/lib") # a wheel has no lib64
  set(CMAKE_CUDA_ARCHITECTURES "${RANKME_CUDA_ARCHITECTURES}")
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    list(APPEND cuda_missing "an nvcc that works with ${CMAKE_CXX_COMPILER} (see CMakeFiles of the build folder)")
  endif()
endif()
if(cuda_missing)
  list(JOIN cuda_missing ", " cuda_missing)
  list(JOIN cuda_roots ", " cuda_roots)
  if(RANKME_CUDA STREQUAL "ON")
    message(FATAL_ERROR
      "RANKME_CUDA=ON, but there is no ${cuda_missing}.\n"
      "Looked for nvcc in CUDACXX, CUDA_PATH, CUDA_HOME, PATH, /usr/local/cuda and the packages of "
      "${Python_EXECUTABLE}, for the rest in: ${cuda_roots}. "
      "From PyPI: pip install nvidia-cublas nvidia-cusolver nvidia-cuda-nvcc")
  endif()
  message(STATUS "CUDA module: no (RANKME_CUDA=AUTO, and there is no ${cuda_missing})")
  return()
endif()

enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static) # CuPy and PyTorch bring runtimes of their own
find_library(CUDA_CUDART NAMES cudart libcudart.so.13 HINTS "${nvcc_root}" PATH_SUFFIXES lib64 lib
             NO_DEFAULT_PATH)
find_package(CUDAToolkit REQUIRED)
add_library(rankme_cuda_libraries INTERFACE)
add_library(rankme::cuda_libraries ALIAS rankme_cuda_libraries)
target_link_libraries(rankme_cuda_libraries INTERFACE CUDA::cublas CUDA::cusolver CUDA::cudart_static)
# The toolkit's own folder first: the wheels may hold a second cuda_runtime.h, of another release.
target_include_directories(rankme_cuda_libraries SYSTEM INTERFACE
  ${CUDAToolkit_INCLUDE_DIRS} ${RANKME_cublas_v2_DIR} ${RANKME_cusolverDn_DIR})

# The packages of PyPI lie beside ours; a toolkit's libraries are where they were at build time.
set(RANKME_CUDA_RPATH "$ORIGIN" "$ORIGIN/../nvidia/cu13/lib")
get_filename_component(cublas_dir "${CUDA_cublas_LIBRARY}" DIRECTORY)
if(NOT cublas_dir MATCHES "/nvidia/cu13/lib$")
  list(APPEND RANKME_CUDA_RPATH "${cublas_dir}")
endif()
set(RANKME_WITH_CUDA ON)
message(STATUS "CUDA module: yes (RANKME_CUDA=${RANKME_CUDA}, nvcc ${CMAKE_CUDA_COMPILER_VERSION} of "
               "${nvcc_root}, libraries of ${cublas_dir}, architectures ${RANKME_CUDA_ARCHITECTURES})")
