#pragma once

#include <cstdint>
#include <span>
#include <string>

// Parts of error messages:
//
//   throw FormatError(concat(at_line("train.tsv", 3), ": expected one of the labels ", list(names)));
//   // "train.tsv, line 3: expected one of the labels 'bad', 'good'"

namespace kdqat::data {

/// "train.tsv, line 3": the start of a message about a line of a file.
std::string at_line(const std::string& file, std::int64_t line);

/// The items in quotes, separated by commas. After 20 items it says only how many more there are.
std::string list(std::span<const std::string> items);

}  // namespace kdqat::data
