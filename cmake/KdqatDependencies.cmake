# Every library that kdqat uses, found where the system (or CMAKE_PREFIX_PATH) has it; nothing is downloaded.

include(KdqatRuntimeDependencies)
find_package(CLI11 REQUIRED)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)

if(KDQAT_BUILD_TRAINING)
  find_package(Torch REQUIRED)
  find_package(tomlplusplus REQUIRED)
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
if(KDQAT_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
