# Builds for every Linux with glibc 2.28 on x86-64-v2, with this machine's GCC 12: the headers and
# libraries of an older glibc (sysroot.py beside this file), a static libstdc++, and compat.c for
# what that takes from a newer glibc. Processor kernels are chosen at run time, as everywhere.
#
#   RANKME_SYSROOT  the folder that sysroot.py has made
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES RANKME_SYSROOT)
# check_language(CUDA) starts a CMake of its own, which gets this file and no variable.
if(RANKME_SYSROOT)
  set(ENV{RANKME_SYSROOT} "${RANKME_SYSROOT}")
else()
  set(RANKME_SYSROOT "$ENV{RANKME_SYSROOT}")
endif()
if(NOT EXISTS "${RANKME_SYSROOT}/complete")
  message(FATAL_ERROR "RANKME_SYSROOT='${RANKME_SYSROOT}' is no sysroot; make wheels makes one, by "
                      "python cmake/manylinux/sysroot.py FOLDER")
endif()
set(CMAKE_SYSROOT "${RANKME_SYSROOT}")
# Python, pybind11 and OpenBLAS are this machine's.
foreach(kind PROGRAM LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} NEVER)
endforeach()

set(multiarch x86_64-linux-gnu)
set(CMAKE_C_FLAGS_INIT "-march=x86-64-v2 -B${RANKME_SYSROOT}/usr/lib/${multiarch}/")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
# CMake hands a sysroot to GCC, and none to nvcc, which calls GCC.
string(REPLACE " " "," host_flags "${CMAKE_CXX_FLAGS_INIT}")
set(CMAKE_CUDA_FLAGS_INIT "-Xcompiler=--sysroot=${RANKME_SYSROOT},${host_flags}")
foreach(folder "lib/${multiarch}" "usr/lib/${multiarch}")
  string(APPEND CMAKE_CUDA_FLAGS_INIT " -L${RANKME_SYSROOT}/${folder}")
endforeach()

# GCC searches its own folder first, which holds this machine's glibc, unless told otherwise.
# libgcc stays shared: every Linux has it, and exceptions pass through the frames of other modules.
# What OpenBLAS needs of this machine's newer libraries is its own matter: allow-shlib-undefined.
string(JOIN " " linking
  "-L${RANKME_SYSROOT}/lib/${multiarch} -L${RANKME_SYSROOT}/usr/lib/${multiarch}"
  "-static-libstdc++ -shared-libgcc -Wl,--exclude-libs,libstdc++.a -Wl,--allow-shlib-undefined")
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "${linking}")
endforeach()

# In libraries of their own: threads were a library beside the C library before glibc 2.34.
get_filename_component(compat "${RANKME_SYSROOT}/../compat.o" ABSOLUTE)
if(NOT EXISTS "${compat}")
  execute_process(
    COMMAND cc --sysroot=${RANKME_SYSROOT} -O2 -fPIC -c "${CMAKE_CURRENT_LIST_DIR}/compat.c"
            -o "${compat}"
    COMMAND_ERROR_IS_FATAL ANY)
endif()
set(CMAKE_CXX_STANDARD_LIBRARIES
    "${compat} -Wl,--push-state,--no-as-needed -lpthread -Wl,--pop-state")
