#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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

}  // namespace kdqat::text
