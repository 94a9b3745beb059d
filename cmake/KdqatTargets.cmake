# kdqat_add_layer, kdqat_add_program and kdqat_add_test: one folder is one target `kdqat::<folder>` and one namespace.

# What every target of the project is compiled with.
add_library(kdqat_options INTERFACE)
target_compile_features(kdqat_options INTERFACE cxx_std_20)
# Of this build alone: who links an installed library keeps options of their own.
set(kdqat_compile_options -Wall -Wextra -Wconversion -Wshadow -Wdouble-promotion
  # The same bits on every instruction set: a product and a sum stay two roundings.
  -ffp-contract=off
  # Vectors of AVX-512 pass through functions that are inlined by force: no call has an ABI that could change.
  -Wno-psabi)
if(KDQAT_WARNINGS_AS_ERRORS)
  list(APPEND kdqat_compile_options -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees impossible sizes in std::string's operator+ (GCC bug 105651).
  list(APPEND kdqat_compile_options -Wno-stringop-overflow -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A loop that Clang is told it may vectorize and does not, such as one with a sanitizer's checks, is no fault.
  list(APPEND kdqat_compile_options -Wno-pass-failed)
endif()
target_compile_options(kdqat_options INTERFACE "$<BUILD_INTERFACE:${kdqat_compile_options}>")
target_include_directories(kdqat_options INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:include>)
if(KDQAT_SANITIZE)
  target_compile_options(kdqat_options INTERFACE -fsanitize=${KDQAT_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(kdqat_options INTERFACE -fsanitize=${KDQAT_SANITIZE})
endif()

if(KDQAT_BUILD_TRAINING)
  # libtorch's headers take most of a build's time: they are compiled once, here.
  file(WRITE ${CMAKE_BINARY_DIR}/kdqat_torch.cc "")
  add_library(kdqat_torch STATIC ${CMAKE_BINARY_DIR}/kdqat_torch.cc)
  set_target_properties(kdqat_torch PROPERTIES CXX_EXTENSIONS OFF)
  # Of libtorch, what computes on processors: `torch` would drag along the parts for GPUs of a wheel that has them.
  target_include_directories(kdqat_torch SYSTEM PUBLIC ${TORCH_INCLUDE_DIRS})
  target_link_libraries(kdqat_torch PUBLIC kdqat_options OpenMP::OpenMP_CXX torch_cpu c10)
  target_precompile_headers(kdqat_torch PUBLIC
    <torch/csrc/autograd/custom_function.h> <torch/csrc/autograd/autograd.h> <torch/types.h> <torch/utils.h>
    <map> <optional> <span> <string> <vector>)
endif()

function(kdqat_set_up_target target uses_torch)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(uses_torch)
    target_link_libraries(${target} PUBLIC kdqat_torch)
    target_precompile_headers(${target} REUSE_FROM kdqat_torch)
  else()
    target_link_libraries(${target} PUBLIC kdqat_options)
  endif()
endfunction()

# kdqat_add_layer(<folder> [TORCH] SOURCES a.cc ... [DEPS folders ...] [ONLY headers ...] [LIBS external targets ...])
# TORCH: the folder uses libtorch. DEPS: the folders that it may include and links; where ONLY names headers of one
# of them, such as data/batch.h, just those. script/check-layers reads these lines.
function(kdqat_add_layer folder)
  cmake_parse_arguments(LAYER "TORCH" "" "SOURCES;DEPS;ONLY;LIBS" ${ARGN})
  add_library(kdqat_${folder} STATIC ${LAYER_SOURCES})
  add_library(kdqat::${folder} ALIAS kdqat_${folder})
  kdqat_set_up_target(kdqat_${folder} ${LAYER_TORCH})
  list(TRANSFORM LAYER_DEPS PREPEND kdqat::)
  target_link_libraries(kdqat_${folder} PUBLIC ${LAYER_DEPS} ${LAYER_LIBS})
endfunction()

# kdqat_add_program(<program> [TORCH] SOURCES main.cc ... [DEPS folders ...] [LIBS external targets ...])
function(kdqat_add_program program)
  cmake_parse_arguments(PROGRAM "TORCH" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${program} ${PROGRAM_SOURCES})
  kdqat_set_up_target(${program} ${PROGRAM_TORCH})
  list(TRANSFORM PROGRAM_DEPS PREPEND kdqat::)
  target_link_libraries(${program} PRIVATE ${PROGRAM_DEPS} ${PROGRAM_LIBS})
endfunction()

# kdqat_add_test(<folder> [TORCH] SOURCES a_test.cc ... [DEPS layers ...] [LIBS ...])
# One test program a folder, <folder>_test; a *_test.cc in the folder that is not listed fails the configuration.
function(kdqat_add_test folder)
  cmake_parse_arguments(TEST "TORCH" "" "SOURCES;DEPS;LIBS" ${ARGN})
  file(GLOB present RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *_test.cc)
  foreach(source ${present})
    if(NOT source IN_LIST TEST_SOURCES)
      message(FATAL_ERROR "tests/${folder}/${source} is not listed in tests/${folder}/CMakeLists.txt")
    endif()
  endforeach()
  add_executable(${folder}_test ${TEST_SOURCES})
  kdqat_set_up_target(${folder}_test ${TEST_TORCH})
  list(TRANSFORM TEST_DEPS PREPEND kdqat::)
  target_link_libraries(${folder}_test PRIVATE ${TEST_DEPS} ${TEST_LIBS} GTest::gmock_main)
  # Tests are compiled once and run once: the compiler's time is the larger part.
  target_compile_options(${folder}_test PRIVATE -O1)
  target_compile_definitions(${folder}_test PRIVATE KDQAT_TEST_FIXTURES="${CMAKE_SOURCE_DIR}/tests/fixtures")
  include(GoogleTest)
  gtest_discover_tests(${folder}_test TEST_PREFIX ${folder}. DISCOVERY_MODE PRE_TEST)
endfunction()
