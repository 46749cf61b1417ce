# What another C++ program needs to link the core: headers, static libraries, and a package for
# find_package(rankme).
#
#   cmake --install build/dev --component development --prefix PREFIX
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/rankme")
install(DIRECTORY cpp/include/common/ cpp/include/core/
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(TARGETS rankme_common rankme_core EXPORT rankme
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(EXPORT rankme NAMESPACE rankme:: FILE rankme-targets.cmake
        DESTINATION "${package_dir}" COMPONENT development)

# A bundled OpenBLAS goes along; a system's is named by its path.
if(RANKME_BLAS STREQUAL "bundled")
  install(FILES "${RANKME_BLAS_LIBRARY}"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
  get_filename_component(blas_name "${RANKME_BLAS_LIBRARY}" NAME)
  set(installed_blas "\${PACKAGE_PREFIX_DIR}/${CMAKE_INSTALL_LIBDIR}/${blas_name}")
else()
  set(installed_blas "${RANKME_BLAS_LIBRARY}")
endif()
configure_package_config_file(
  cmake/rankme-config.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/rankme-config.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(
  "${CMAKE_CURRENT_BINARY_DIR}/rankme-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/rankme-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/rankme-config-version.cmake"
        DESTINATION "${package_dir}" COMPONENT development)
