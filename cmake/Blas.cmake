# Defines the target rankme::blas and RANKME_BLAS_LIBRARY, the file that it links.
#
# Both choices are OpenBLAS: the threading of cpp/src/core/threads.cpp is built on its
# openblas_{get,set}_num_threads, which threadpoolctl drives as well.
add_library(rankme_blas INTERFACE)
add_library(rankme::blas ALIAS rankme_blas)

if(RANKME_BLAS STREQUAL "bundled")
  if(NOT Python_EXECUTABLE)
    message(FATAL_ERROR "RANKME_BLAS=bundled needs a Python interpreter that has scipy-openblas32")
  endif()
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "import scipy_openblas32 as b; print(b.get_lib_dir(), end='')"
    OUTPUT_VARIABLE openblas_dir
    RESULT_VARIABLE failed
    ERROR_VARIABLE why)
  if(failed)
    message(FATAL_ERROR "RANKME_BLAS=bundled: ${Python_EXECUTABLE} cannot import scipy_openblas32 "
                        "(pip install scipy-openblas32, or -DRANKME_BLAS=system)\n${why}")
  endif()
  find_library(RANKME_BLAS_LIBRARY scipy_openblas PATHS "${openblas_dir}" NO_DEFAULT_PATH REQUIRED)
  target_compile_definitions(rankme_blas INTERFACE RANKME_BLAS_PREFIX=scipy_)
elseif(RANKME_BLAS STREQUAL "system")
  # The serial and OpenMP builds of Debian's alternatives system answer to the same name.
  find_library(RANKME_BLAS_LIBRARY openblas REQUIRED)
  target_compile_definitions(rankme_blas INTERFACE RANKME_BLAS_PREFIX=)
else()
  message(FATAL_ERROR "RANKME_BLAS must be 'bundled' or 'system', got '${RANKME_BLAS}'")
endif()
target_link_libraries(rankme_blas INTERFACE "${RANKME_BLAS_LIBRARY}")
