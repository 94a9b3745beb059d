#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/data/task.h"

namespace kdqat::data {

/// One labelled text or pair of texts, as its file has it.
struct Example {
  std::string text;
  std::optional<std::string> pair = std::nullopt;
  double label = 0.0;  ///< id of the class, or the score of a regression
};

struct Examples {
  std::vector<Example> examples;
  std::vector<std::string> warnings;  ///< one line each: how many rows were skipped and why
};

/// All examples of a file, in its order.
///
/// The form of the file follows from its name: .tsv and .txt are tab-separated without quoting, as GLUE
/// distributes its files; .csv is comma-separated with quotes (RFC 4180); .jsonl has one JSON object a line,
/// its label a string, a number or a boolean. A byte-order mark at the start and CRLF line ends are accepted;
/// blank lines are skipped. A text of nothing but ASCII white space counts as empty.
///
/// Throws IoError if the file can't be read; InvalidArgument for a name with another ending; FormatError that
/// names file, line (from 1), what was expected and what was found for: a file without examples, invalid
/// UTF-8 (also the byte), a header without a column of the task or with two of its name, a row with too few
/// columns or, where columns have names, too many (skipped where task.skip_short_rows), an empty text
/// (skipped where task.skip_empty_texts), an unknown label, a score that is not a finite number, a CSV quote
/// that is not closed or out of place, a line that is not a JSON object, a field that is missing or of
/// another type.
Examples read_examples(const Task& task, const std::filesystem::path& file);

/// The file of a split ("train", "dev", ...) in `data_dir`.
///
/// Throws InvalidArgument if the task has no such split (lists those it has) or several of the names it may
/// have are there (lists them); IoError if the directory is not there or has none of them (lists what was
/// looked for).
std::filesystem::path split_file(const Task& task, const std::filesystem::path& data_dir,
                                 std::string_view split);

/// Whether the task has a split of this name and `data_dir` a file of it.
bool has_split(const Task& task, const std::filesystem::path& data_dir, std::string_view split);

}  // namespace kdqat::data
