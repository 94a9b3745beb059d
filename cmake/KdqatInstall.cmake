# What `cmake --install` puts in place: the runtime as a library with a CMake package, and kdqat-infer.

include(GNUInstallDirs)
set(KDQAT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/kdqat)

install(TARGETS kdqat_options kdqat_base kdqat_simd kdqat_kernels kdqat_text kdqat_format kdqat_encoder kdqat_runtime
  EXPORT kdqatTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT kdqatTargets NAMESPACE kdqat:: DESTINATION ${KDQAT_PACKAGE_DIR})
install(TARGETS kdqat-infer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# The headers that kdqat/runtime/engine.h and kdqat.h reach.
foreach(header runtime/engine.h runtime/kdqat.h kernels/instruction_set.h simd/instruction_set.h text/tokenizer.h text/normalizer.h)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES kdqat/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kdqat/${folder})
endforeach()

include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/kdqatConfig.cmake.in ${CMAKE_BINARY_DIR}/kdqatConfig.cmake
  INSTALL_DESTINATION ${KDQAT_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/kdqatConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/kdqatConfig.cmake ${CMAKE_BINARY_DIR}/kdqatConfigVersion.cmake
  cmake/KdqatRuntimeDependencies.cmake DESTINATION ${KDQAT_PACKAGE_DIR})
