#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/tokenizer.h"

namespace kdqat::text {

inline std::filesystem::path tokenizer_fixture(const std::string& name) {
  return std::filesystem::path(KDQAT_TEST_FIXTURES) / "tokenizer" / name;
}

inline nlohmann::json read_json_fixture(const std::string& name) {
  std::ifstream file(tokenizer_fixture(name));
  return nlohmann::json::parse(file);
}

/// MiniLM's vocabulary as far as the fixture's texts can touch it. Every other id has a token that no word
/// can match, since "[" is always a word of its own.
inline std::vector<std::string> minilm_vocabulary() {
  std::ifstream file(tokenizer_fixture("minilm-vocabulary.tsv"));
  std::size_t size = 0;
  file >> size;
  std::vector<std::string> tokens(size);
  for (std::size_t id = 0; id < size; ++id) tokens[id] = "[left out " + std::to_string(id) + "]";
  std::size_t id = 0;
  std::string token;
  while (file >> id >> token) tokens.at(id) = token;
  return tokens;
}

/// Ids, token types and offsets as the scripts of the fixtures write them: three arrays.
inline Encoding read_encoding(const nlohmann::json& record) {
  Encoding encoding{.input_ids = record.at(0).get<std::vector<std::int32_t>>(),
                    .token_type_ids = record.at(1).get<std::vector<std::int32_t>>()};
  const auto ends = record.at(2).get<std::vector<std::int64_t>>();
  for (std::size_t i = 0; i < ends.size(); i += 2) {
    encoding.offsets.push_back({.begin = ends[i], .end = ends[i + 1]});
  }
  return encoding;
}

/// That both ways to encode a text, with offsets and without, give what the fixture says.
inline void expect_encoding(const Tokenizer& tokenizer, std::string_view text,
                            std::optional<std::string_view> pair, std::int64_t max_length,
                            const nlohmann::json& record) {
  const Encoding expected = read_encoding(record);
  const Encoding actual = tokenizer.encode_with_offsets(text, pair, max_length);
  EXPECT_EQ(actual.input_ids, expected.input_ids) << text;
  EXPECT_EQ(actual.token_type_ids, expected.token_type_ids) << text;
  EXPECT_EQ(actual.offsets, expected.offsets) << text;
  const Encoding plain = tokenizer.encode(text, pair, max_length);
  EXPECT_EQ(plain.input_ids, expected.input_ids) << text;
  EXPECT_EQ(plain.token_type_ids, expected.token_type_ids) << text;
  EXPECT_TRUE(plain.offsets.empty());
}

}  // namespace kdqat::text
