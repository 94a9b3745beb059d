#pragma once

namespace kdqat::base {

/// The project's version in CMake: `kdqat --version` prints it, and files record it.
inline constexpr const char* kVersion = KDQAT_VERSION;

}  // namespace kdqat::base
