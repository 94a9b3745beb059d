#pragma once

#include <filesystem>

#include "tests/base/temporary_directory.h"
#include "tests/runtime/packed_file.h"

namespace kdqat::serve {

/// The small random student of the runtime's tests, in a file.
class SampleModel {
 public:
  const std::filesystem::path& path() const { return path_; }

 private:
  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = runtime::PackedFile().write(directory_.path() / "student.packed.safetensors");
};

}  // namespace kdqat::serve
