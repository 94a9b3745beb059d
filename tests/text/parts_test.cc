// What each part of a tokenizer.json does, alone and combined, as Hugging Face's tokenizers do it, and the
// tokenizers of nine families. make_tokenizers.py wrote the fixtures.

#include <gtest/gtest.h>

#include <string>

#include "kdqat/base/json.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

constexpr std::int64_t kNoLimit = 1'000'000'000;

void expect_encodings(const Tokenizer& tokenizer, const nlohmann::json& fixture,
                      const nlohmann::json& encodings) {
  const auto texts = fixture.at("texts").get<std::vector<std::string>>();
  const nlohmann::json& pairs = fixture.at("pairs");
  ASSERT_EQ(encodings.size(), texts.size() + pairs.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    expect_encoding(tokenizer, texts[i], std::nullopt, kNoLimit, encodings.at(i));
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const nlohmann::json& pair = pairs.at(i);
    expect_encoding(tokenizer, texts.at(pair.at(0).get<std::size_t>()),
                    texts.at(pair.at(1).get<std::size_t>()), pair.at(2).get<std::int64_t>(),
                    encodings.at(texts.size() + i));
  }
}

TEST(TokenizerPartsTest, EachGivesHuggingFacesIdsTypesAndOffsets) {
  const nlohmann::json fixture = read_json_fixture("parts.json");
  ASSERT_EQ(fixture.at("cases").size(), 95U);
  for (const nlohmann::json& part : fixture.at("cases")) {
    SCOPED_TRACE(part.at("name").get<std::string>());
    nlohmann::json document = part.at("document");
    document["model"] = fixture.at("models").at(document.at("model").get<std::string>());
    expect_encodings(Tokenizer(document), fixture, part.at("encodings"));
  }
}

TEST(TokenizerPartsTest, EveryFamilysTokenizerGivesHuggingFacesIdsTypesAndOffsets) {
  const nlohmann::json fixture = read_json_fixture("families.json");
  ASSERT_EQ(fixture.at("cases").size(), 9U);
  for (const nlohmann::json& family : fixture.at("cases")) {
    const auto name = family.at("name").get<std::string>();
    SCOPED_TRACE(name);
    const auto file = std::filesystem::path(KDQAT_TEST_FIXTURES) / "families" / name / "tokenizer.json";
    expect_encodings(Tokenizer(base::read_json_file(file)), fixture, family.at("encodings"));
  }
}

}  // namespace
}  // namespace kdqat::text
