#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/data/task.h"

// The labelled texts of a task's file:
//
//   const Examples examples = read_examples(find_task("sst-2"), "glue/sst-2/train.tsv");
//   examples.examples[0].text;  // "hide new secretions from the parental units"

namespace kdqat::data {

/// One labelled text or pair of texts, as written in its file.
struct Example {
  std::string text;
  std::optional<std::string> pair = std::nullopt;
  double label = 0.0;  ///< id of the class, or the score of a regression
};

struct Examples {
  std::vector<Example> examples;
  std::vector<std::string> warnings;  ///< one line each: how many rows were skipped and why
};

/// All examples of a file, in its order. The ending of its name decides the format:
///
///   .tsv, .txt   tab-separated without quoting, as GLUE distributes its files
///   .csv         comma-separated with quotes (RFC 4180)
///   .jsonl       one JSON object a line; the label is a string, a number or a boolean
///
/// A byte-order mark at the start and CRLF line ends are accepted; blank lines are skipped. A text that has
/// only ASCII white space counts as empty.
///
/// Throws IoError if the file can't be read, InvalidArgument for a name with another ending. Throws
/// FormatError that names file, line (from 1), what was expected and what was found, for:
/// - a file without examples; invalid UTF-8 (the message names the byte too);
/// - a header without a column of the task, or with two columns of its name;
/// - a row with too few columns or, if columns have names, too many (skipped with task.skip_short_rows);
/// - an empty text (skipped with task.skip_empty_texts), an unknown label, a score that is not finite;
/// - a CSV quote that is not closed or out of place;
/// - a line that is not a JSON object, a field that is missing or has another type.
Examples read_examples(const Task& task, const std::filesystem::path& file);

/// The file of a split ("train", "dev", ...) in `data_dir`.
///
/// Throws InvalidArgument if the task has no such split (the message lists its splits), or if several of the
/// possible files exist (it lists them). Throws IoError if the directory does not exist or has none of the
/// possible files (it lists them).
std::filesystem::path split_file(const Task& task, const std::filesystem::path& data_dir,
                                 std::string_view split);

/// Whether the task has this split and `data_dir` has a file of it.
bool has_split(const Task& task, const std::filesystem::path& data_dir, std::string_view split);

}  // namespace kdqat::data
