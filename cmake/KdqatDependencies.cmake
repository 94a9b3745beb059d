# Every library that kdqat uses, found where the system (or CMAKE_PREFIX_PATH) has it; nothing is downloaded.

find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(dnnl REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)

if(KDQAT_BUILD_TRAINING)
  find_package(Torch REQUIRED)
  find_package(CLI11 REQUIRED)
endif()
if(KDQAT_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
