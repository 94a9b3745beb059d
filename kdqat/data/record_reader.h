#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/data/task.h"

namespace kdqat::data {

/// A row of a task's file, its label as it is spelled there.
struct Record {
  std::int64_t line = 0;  ///< where the row begins, from 1
  std::string text;
  std::optional<std::string> pair = std::nullopt;
  std::string label;
};

struct Records {
  std::vector<Record> records;        ///< at least one
  std::vector<std::string> warnings;  ///< one line each: how many rows were skipped and why
};

/// The rows of a file, read and checked as read_examples describes, but for their labels.
Records read_records(const Task& task, const std::filesystem::path& file);

}  // namespace kdqat::data
