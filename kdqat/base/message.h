#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace kdqat::base {

/// "train.tsv, line 3", the start of a message about a line of a file.
std::string at_line(const std::string& file, std::int64_t line);

/// The items in quotes with commas between them, for a message; after 20 only how many more there are.
std::string list(std::span<const std::string> items);

}  // namespace kdqat::base
