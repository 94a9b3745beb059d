#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/data/example_reader.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::test {

/// A test with a data directory of its own.
class DataFilesTest : public ::testing::Test {
 protected:
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::ofstream(directory_ / name, std::ios::binary) << content;
    return directory_ / name;
  }

  /// The message of an error about a file of the directory.
  std::string in_directory(std::string_view message) const {
    return directory_.path().string() + "/" + std::string(message);
  }

  const TemporaryDirectory directory_;
};

/// "text | pair | label" of every example, for short expectations.
inline std::vector<std::string> shown(const std::vector<data::Example>& examples) {
  std::vector<std::string> lines;
  for (const data::Example& example : examples) {
    std::ostringstream line;
    line << example.text << " | ";
    if (example.pair) line << *example.pair << " | ";
    line << example.label;
    lines.push_back(line.str());
  }
  return lines;
}

}  // namespace kdqat::test
