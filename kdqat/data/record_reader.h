#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/data/task.h"

// The rows of a file before their labels become ids:
//
//   const Records rows = read_records(task, "my-data/train.csv");
//   rows.records[0].label;  // "good", as the file spells it

namespace kdqat::data {

/// A row of a task's file. Its label is text, as in the file.
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

/// The rows of a file, read and checked as by read_examples, except their labels.
Records read_records(const Task& task, const std::filesystem::path& file);

}  // namespace kdqat::data
