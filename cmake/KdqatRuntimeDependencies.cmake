# What the folders without libtorch link: used by this build and by the installed package.

find_package(OpenMP REQUIRED COMPONENTS CXX)
# oneDNN's own package file asks for OpenCL's headers, which a CPU does not need.
# A libtorch that CMAKE_PREFIX_PATH names may bring headers of another oneDNN, and no library: the system's come first.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp NO_CMAKE_PATH)
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl UNKNOWN IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES
  IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
