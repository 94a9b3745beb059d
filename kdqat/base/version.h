#pragma once

namespace kdqat::base {

/// Version of the program and of what it writes into files, as CMake's project has it.
inline constexpr const char* kVersion = KDQAT_VERSION;

}  // namespace kdqat::base
