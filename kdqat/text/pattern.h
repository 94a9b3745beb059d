#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "kdqat/base/json.h"

namespace kdqat::text {

/// Bytes [begin, end) of a text.
struct Match {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What Replace and Split look for.
class Pattern {
 public:
  virtual ~Pattern() = default;

  /// The leftmost match in text[from, end of text); never an empty one.
  virtual std::optional<Match> find(std::string_view text, std::size_t from) const = 0;
};

/// The pattern of a field {"String": "..."} or {"Regex": "..."}; Regex (regex.h) says which expressions.
/// Throws FormatError that names another pattern, one that is not supported, or one that matches the empty
/// text.
std::unique_ptr<const Pattern> make_pattern(const base::JsonFields& fields, std::string_view name);

}  // namespace kdqat::text
