#include "kdqat/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "kdqat/base/error.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using ::testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kNoLimit = 1'000'000'000;

/// Ids: [UNK] 0, [CLS] 1, [SEP] 2, then the given tokens from 3 on.
Tokenizer make_tokenizer(std::vector<std::string> tokens) {
  tokens.insert(tokens.begin(), {"[UNK]", "[CLS]", "[SEP]"});
  return Tokenizer(std::move(tokens), {});
}

Ids type_ids(std::size_t text_length, std::size_t length) {
  Ids ids(text_length, 0);
  ids.resize(length, 1);
  return ids;
}

class MiniLmTest : public ::testing::Test {
 protected:
  const nlohmann::json fixture_ = read_json_fixture("minilm-texts.json");
  const Tokenizer tokenizer_{minilm_vocabulary(), {}};
};

TEST_F(MiniLmTest, SingleTextsHaveHuggingFacesIds) {
  ASSERT_EQ(fixture_.at("single").size(), 191U);
  for (const auto& example : fixture_.at("single")) {
    const auto text = example.at("text").get<std::string>();
    const Encoding actual = tokenizer_.encode(text, std::nullopt, kNoLimit);
    EXPECT_EQ(actual.input_ids, example.at("input_ids").get<Ids>()) << text;
    EXPECT_EQ(actual.token_type_ids, Ids(actual.input_ids.size(), 0)) << text;
  }
}

TEST_F(MiniLmTest, TruncatedPairsHaveHuggingFacesIdsAndTypes) {
  ASSERT_EQ(fixture_.at("pairs").size(), 30U);
  for (const auto& example : fixture_.at("pairs")) {
    const auto text = example.at("text").get<std::string>();
    const auto pair = example.at("pair").get<std::string>();
    const Encoding actual = tokenizer_.encode(text, pair, example.at("max_seq_length").get<std::int64_t>());
    EXPECT_EQ(actual.input_ids, example.at("input_ids").get<Ids>()) << text << " | " << pair;
    EXPECT_EQ(actual.token_type_ids, example.at("token_type_ids").get<Ids>()) << text << " | " << pair;
  }
}

TEST_F(MiniLmTest, ThreadsShareATokenizer) {
  const auto encode_all = [&] {
    std::vector<Ids> ids;
    for (const auto& example : fixture_.at("single")) {
      ids.push_back(
          tokenizer_.encode(example.at("text").get<std::string>(), std::nullopt, kNoLimit).input_ids);
    }
    return ids;
  };
  const std::vector<Ids> expected = encode_all();
  std::vector<std::vector<Ids>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = encode_all(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(TokenizerSettingsTest, EveryCombinationHasHuggingFacesIds) {
  const nlohmann::json fixture = read_json_fixture("settings.json");
  const auto texts = fixture.at("texts").get<std::vector<std::string>>();
  ASSERT_EQ(fixture.at("settings").size(), 12U);
  for (const auto& setting : fixture.at("settings")) {
    NormalizerConfig config;
    config.do_lower_case = setting.at("do_lower_case").get<bool>();
    if (!setting.at("strip_accents").is_null()) {
      config.strip_accents = setting.at("strip_accents").get<bool>();
    }
    config.tokenize_chinese_chars = setting.at("tokenize_chinese_chars").get<bool>();
    const Tokenizer tokenizer(fixture.at("vocabulary").get<std::vector<std::string>>(), config);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(tokenizer.encode(texts[i], std::nullopt, kNoLimit).input_ids,
                setting.at("input_ids").at(i).get<Ids>())
          << texts[i];
    }
  }
}

std::string repeat(std::string_view part, std::size_t count) {
  std::string text;
  text.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

TEST(TokenizerTest, PairsAreCutAsHuggingFaceCutsThem) {
  const Tokenizer tokenizer = make_tokenizer({"a", "b"});
  const nlohmann::json rows = read_json_fixture("settings.json").at("kept_of_pairs");
  ASSERT_EQ(rows.size(), 360U);
  for (const auto& row : rows) {
    const auto [n, m, max_length, kept_a, kept_b] = row.get<std::array<std::size_t, 5>>();
    const Encoding actual =
        tokenizer.encode(repeat("a ", n), repeat("b ", m), static_cast<std::int64_t>(max_length));
    Ids expected = {1};
    expected.resize(1 + kept_a, 3);
    expected.push_back(2);
    expected.resize(expected.size() + kept_b, 4);
    expected.push_back(2);
    EXPECT_EQ(actual.input_ids, expected) << row;
    EXPECT_EQ(actual.token_type_ids, type_ids(kept_a + 2, expected.size())) << row;
  }
}

TEST(TokenizerTest, OneTextLosesItsLastTokens) {
  const Tokenizer tokenizer = make_tokenizer({"a", "b", "c"});
  EXPECT_THAT(tokenizer.encode("a b c", std::nullopt, 5).input_ids, ElementsAre(1, 3, 4, 5, 2));
  EXPECT_THAT(tokenizer.encode("a b c", std::nullopt, 4).input_ids, ElementsAre(1, 3, 4, 2));
  EXPECT_THAT(tokenizer.encode("a b c", std::nullopt, 2).input_ids, ElementsAre(1, 2));
}

TEST(TokenizerTest, AnEmptyPairIsStillAPair) {
  const Encoding actual = make_tokenizer({"a"}).encode("a", "", kNoLimit);
  EXPECT_THAT(actual.input_ids, ElementsAre(1, 3, 2, 2));
  EXPECT_THAT(actual.token_type_ids, ElementsAre(0, 0, 0, 1));
}

TEST(TokenizerTest, SpecialTokensStandForThemselvesInRawText) {
  const Tokenizer tokenizer = make_tokenizer({"a", "[", "]", "sep", "[MASK]"});
  EXPECT_THAT(tokenizer.encode("A[SEP]a[MASK][sep]", std::nullopt, kNoLimit).input_ids,
              ElementsAre(1, 3, 2, 3, 7, 4, 6, 5, 2));
}

TEST(TokenizerTest, SpecialTokensThatTheVocabularyLacksAreText) {
  const Tokenizer tokenizer = make_tokenizer({"[", "]", "mask"});
  EXPECT_THAT(tokenizer.encode("[MASK]", std::nullopt, kNoLimit).input_ids, ElementsAre(1, 3, 5, 4, 2));
}

// With anything quadratic in them, each of these would run for minutes.
TEST(TokenizerTest, AMillionCharactersTakeLinearTime) {
  constexpr std::size_t kMillion = 1'000'000;
  const Tokenizer tokenizer = make_tokenizer({"a", "##a", "["});
  const auto num_tokens = [&](const std::string& text) {
    return tokenizer.encode(text, std::nullopt, kNoLimit).input_ids.size() - 2;
  };
  EXPECT_EQ(num_tokens(repeat("a ", kMillion)), kMillion);
  EXPECT_EQ(num_tokens(repeat("a", kMillion)), 1U);
  EXPECT_EQ(num_tokens("a" + repeat("\u0301\u0316", kMillion)), 1U);
  EXPECT_EQ(num_tokens(repeat("[", kMillion)), kMillion);
  EXPECT_EQ(num_tokens(repeat("[SEP", kMillion)), 2 * kMillion);
  EXPECT_EQ(num_tokens(repeat("[SEP]", kMillion)), kMillion);
  EXPECT_EQ(num_tokens(repeat(repeat("a", 100) + " ", kMillion / 100)), kMillion);
}

TEST(TokenizerTest, TokensAndIdsLeadToEachOther) {
  const Tokenizer tokenizer = make_tokenizer({"a", "##b"});
  EXPECT_EQ(tokenizer.vocab_size(), 5);
  EXPECT_EQ(tokenizer.token(4), "##b");
  EXPECT_EQ(tokenizer.find("##b"), 4);
  EXPECT_EQ(tokenizer.find("b"), std::nullopt);
}

TEST(TokenizerTest, RefusesAnIdThatHasNoToken) {
  const Tokenizer tokenizer = make_tokenizer({});
  for (const std::int64_t id : {-1, 3}) {
    EXPECT_THAT([&] { tokenizer.token(id); }, ThrowsMessage<base::InvalidArgument>(
                                                  "token id: expected 0 to 2, found " + std::to_string(id)));
  }
}

TEST(TokenizerTest, RefusesInvalidUtf8AndSaysWhere) {
  const Tokenizer tokenizer = make_tokenizer({"a"});
  EXPECT_THAT(
      [&] { tokenizer.encode("ab\xFF", std::nullopt, 8); },
      ThrowsMessage<base::InvalidArgument>("text: expected UTF-8, found an invalid byte at position 2"));
  EXPECT_THAT(
      [&] { tokenizer.encode("a", "\xC3", 8); },
      ThrowsMessage<base::InvalidArgument>("pair: expected UTF-8, found an invalid byte at position 0"));
}

TEST(TokenizerTest, RefusesALengthThatHasNoRoomForTheSpecialTokens) {
  const Tokenizer tokenizer = make_tokenizer({"a"});
  EXPECT_THAT([&] { tokenizer.encode("a", std::nullopt, 1); },
              ThrowsMessage<base::InvalidArgument>(
                  "max_length: expected at least 2 for the special tokens, found 1"));
  EXPECT_THAT([&] { tokenizer.encode("a", "a", 2); },
              ThrowsMessage<base::InvalidArgument>(
                  "max_length: expected at least 3 for the special tokens, found 2"));
}

TEST(TokenizerTest, RefusesAVocabularyWithoutASpecialTokenItNeeds) {
  for (const std::string missing : {"[UNK]", "[CLS]", "[SEP]"}) {
    std::vector<std::string> tokens = {"[UNK]", "[CLS]", "[SEP]"};
    std::erase(tokens, missing);
    EXPECT_THAT(
        [&] { Tokenizer(tokens, {}, "tokens"); },
        ThrowsMessage<base::FormatError>("tokens: expected the token " + missing + ", found none among 2"));
  }
}

TEST(TokenizerTest, RefusesATokenThatOccursTwice) {
  EXPECT_THAT(
      [] {
        make_tokenizer({"a", "b", "a"});
      },
      ThrowsMessage<base::FormatError>(
          "vocabulary: token 5: expected each token once, found 'a', which is token 3"));
}

TEST(TokenizerTest, RefusesATokenThatIsNotUtf8) {
  EXPECT_THAT(
      [] {
        make_tokenizer({"a", "b\xC3"});
      },
      ThrowsMessage<base::FormatError>(
          "vocabulary: token 4: expected UTF-8, found an invalid byte at position 1"));
}

}  // namespace
}  // namespace kdqat::text
