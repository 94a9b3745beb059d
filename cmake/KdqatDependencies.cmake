# Every library that kdqat uses, found where the system (or CMAKE_PREFIX_PATH) has it; nothing is downloaded.

find_package(OpenMP REQUIRED COMPONENTS CXX)
# oneDNN's own package file asks for OpenCL's headers, which a CPU does not need.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl UNKNOWN IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES
  IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)

if(KDQAT_BUILD_TRAINING)
  find_package(Torch REQUIRED)
  find_package(CLI11 REQUIRED)
  # The program's allocator: a step asks for the same large sizes as the one before, and tcmalloc finds them again
  # in less time and memory than the C library does. It takes malloc's place by being linked.
  find_library(TCMALLOC_LIBRARY tcmalloc_minimal REQUIRED)
  add_library(kdqat_allocator INTERFACE)
  target_link_options(kdqat_allocator INTERFACE
    LINKER:--push-state,--no-as-needed ${TCMALLOC_LIBRARY} LINKER:--pop-state)
endif()
if(KDQAT_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
