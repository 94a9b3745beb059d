#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"

namespace kdqat::text {

/// The normalizer of sentencepiece models ("Precompiled" in tokenizer.json): a list of strings and what each
/// becomes, such as "ﬁ" to "fi".
///
///   const auto map = CharMap::from_json(normalizer, "precompiled_charsmap");
///   map.find("ﬁ");  // "fi"
///
/// The list is a double array (darts-clone's units of 32 bits) with offsets into a table of strings, each up
/// to a zero byte: a little-endian uint32 with the size of the array in bytes, the array, the table.
class CharMap {
 public:
  /// Throws FormatError, which begins with `where`, for: an array that is empty or reaches beyond the blob; a
  /// table that is not UTF-8; an offset beyond the table or within a character; a replacement of more than
  /// kLongestReplacement bytes.
  CharMap(std::string_view blob, const std::string& where);

  /// Of the field `name`, in Base64. Throws FormatError as the constructor, and for what is not Base64.
  static CharMap from_json(const base::JsonFields& normalizer, std::string_view name);

  /// Those in use have up to 33 bytes. The limit bounds how much a text can grow.
  static constexpr std::size_t kLongestReplacement = 1000;

  /// What `part` becomes: the replacement of the shortest entry that it starts with, although that may be
  /// less than all of `part`; nothing if there is none. As Hugging Face's crate spm_precompiled.
  std::optional<std::string_view> find(std::string_view part) const;

 private:
  void check_units(const std::string& where) const;

  std::vector<std::uint32_t> units_;
  std::string table_;
};

}  // namespace kdqat::text
