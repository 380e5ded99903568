# What `cmake --install` puts where. The result can be moved: nothing in it names its prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(piecemark_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/piecemark")

# Each kind has an export of its own, so that users of the shared library need none of the libraries below it.
foreach(kind static shared)
  install(
    TARGETS piecemark_${kind}
    EXPORT piecemark_${kind}
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    INCLUDES
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(
    EXPORT piecemark_${kind}
    FILE piecemark_${kind}.cmake
    NAMESPACE piecemark::
    DESTINATION "${piecemark_package_dir}")
endforeach()
foreach(layer engine index migration api)
  install(
    DIRECTORY ${layer}/include/piecemark
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING
    PATTERN "*.h")
endforeach()
if(PIECEMARK_BUILD_CLI)
  install(TARGETS piecemark RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# For find_package(piecemark).
set(piecemark_shared_by_default OFF)
if(BUILD_SHARED_LIBS)
  set(piecemark_shared_by_default ON)
endif()
configure_package_config_file(
  cmake/piecemarkConfig.cmake.in piecemarkConfig.cmake
  INSTALL_DESTINATION "${piecemark_package_dir}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(piecemarkConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES "${CMAKE_CURRENT_BINARY_DIR}/piecemarkConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/piecemarkConfigVersion.cmake"
        cmake/Findlmdb.cmake cmake/FindxxHash.cmake
  DESTINATION "${piecemark_package_dir}")

# For pkg-config, which finds the other directories from where piecemark.pc lies.
file(RELATIVE_PATH piecemark_prefix_from_pc "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" piecemark_prefix_from_pc "${piecemark_prefix_from_pc}")
file(RELATIVE_PATH piecemark_libdir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
file(RELATIVE_PATH piecemark_includedir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file(cmake/piecemark.pc.in piecemark.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/piecemark.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
