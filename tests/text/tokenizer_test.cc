#include "kdqat/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "kdqat/base/error.h"
#include "kdqat/text/bert_document.h"
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
  return make_bert_tokenizer(tokens);
}

Ids type_ids(std::size_t text_length, std::size_t length) {
  Ids ids(text_length, 0);
  ids.resize(length, 1);
  return ids;
}

class MiniLmTest : public ::testing::Test {
 protected:
  const nlohmann::json fixture_ = read_json_fixture("minilm-texts.json");
  const Tokenizer tokenizer_ = make_bert_tokenizer(minilm_vocabulary());
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
    BertSettings config;
    config.do_lower_case = setting.at("do_lower_case").get<bool>();
    if (!setting.at("strip_accents").is_null()) {
      config.strip_accents = setting.at("strip_accents").get<bool>();
    }
    config.tokenize_chinese_chars = setting.at("tokenize_chinese_chars").get<bool>();
    const Tokenizer tokenizer =
        make_bert_tokenizer(fixture.at("vocabulary").get<std::vector<std::string>>(), config);
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

/// A tokenizer that cuts at spaces, with WordPiece and these added tokens, ids from 2 on.
nlohmann::json document_with(nlohmann::json added_tokens) {
  std::int64_t id = 2;
  for (nlohmann::json& token : added_tokens) token["id"] = id++;
  return {{"added_tokens", std::move(added_tokens)},
          {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
          {"model", {{"type", "WordPiece"}, {"unk_token", "?"}, {"vocab", {{"?", 0}, {"a", 1}}}}}};
}

TEST(TokenizerTest, WithoutPostProcessorThereAreNoSpecialTokens) {
  const Tokenizer tokenizer(document_with(nlohmann::json::array()));
  const Encoding encoding = tokenizer.encode("a a", "a", 8);
  EXPECT_THAT(encoding.input_ids, ElementsAre(1, 1, 1));
  EXPECT_THAT(encoding.token_type_ids, ElementsAre(0, 0, 1));
  EXPECT_EQ(tokenizer.num_special_tokens(true), 0);
  EXPECT_EQ(tokenizer.first_special_token(), std::nullopt);
  EXPECT_EQ(tokenizer.last_special_token(), std::nullopt);
}

TEST(TokenizerTest, NamesTheSpecialTokensAroundAText) {
  const Tokenizer tokenizer = make_tokenizer({});
  EXPECT_EQ(tokenizer.num_special_tokens(false), 2);
  EXPECT_EQ(tokenizer.num_special_tokens(true), 3);
  EXPECT_EQ(tokenizer.first_special_token(), 1);
  EXPECT_EQ(tokenizer.last_special_token(), 2);
}

// 50,000 tokens of which each begins like the text: to try them one by one would take minutes.
TEST(TokenizerTest, ManyAddedTokensTakeLinearTime) {
  nlohmann::json added = nlohmann::json::array();
  for (int i = 0; i < 50'000; ++i) added.push_back({{"content", "<aaaa" + std::to_string(i) + ">"}});
  added.push_back({{"content", repeat("a", 1000) + "b"}});
  const Tokenizer tokenizer(document_with(std::move(added)));
  EXPECT_EQ(tokenizer.vocab_size(), 50'003);
  EXPECT_THAT(tokenizer.encode("<aaaa49999>a", std::nullopt, 8).input_ids, ElementsAre(50'001, 1));
  EXPECT_EQ(tokenizer.encode(repeat("<aaaa", 20'000), std::nullopt, kNoLimit).input_ids.size(), 1U);
  EXPECT_EQ(tokenizer.encode(repeat("a", 100'000), std::nullopt, kNoLimit).input_ids.size(), 1U);
}

TEST(TokenizerTest, SpacesThatAddedTokensTakeAreReadOnce) {
  const Tokenizer tokenizer(document_with({{{"content", "x"}, {"rstrip", true}, {"lstrip", true}},
                                           {{"content", " "}, {"rstrip", true}, {"lstrip", true}}}));
  const std::string text = repeat(" ", 100'000) + "x" + repeat(" ", 100'000);
  EXPECT_GT(tokenizer.encode(text, std::nullopt, kNoLimit).input_ids.size(), 100'000U);
}

TEST(TokenizerTest, BadDocuments) {
  const auto expect = [](const char* pointer, const nlohmann::json& value, const std::string& message) {
    nlohmann::json document = document_with({{{"content", "<x>"}}});
    document["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"?", 0}}, {"sep", {"a", 1}}};
    document[nlohmann::json::json_pointer(pointer)] = value;
    EXPECT_THAT([&] { Tokenizer tokenizer(document); },
                ThrowsMessage<base::FormatError>("tokenizer.json: " + message));
  };
  expect("/version", "2.0", "version: expected 1.0, found \"2.0\"");
  expect("/model", nullptr, "model: expected an object, found null");
  expect("/normalizer", {{"type", "Upper"}},
         "normalizer: type: expected BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, "
         "Replace, Prepend, Precompiled, Nmt or Sequence, found \"Upper\"");
  expect("/normalizer", {{"type", "Sequence"}, {"normalizers", {1}}},
         "normalizer: normalizers[0]: expected a JSON object, found 1");
  expect("/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "(a"}}}, {"content", ""}},
         "normalizer: pattern: Regex: expected an expression that is supported, found a ( without ) in '(a'");
  expect("/normalizer", {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", ""}},
         "normalizer: pattern: String: expected a text that is not empty, found \"\"");
  expect("/pre_tokenizer", {{"type", "UnicodeScripts"}},
         "pre_tokenizer: type: expected BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, "
         "Split, Metaspace, ByteLevel or Sequence, found \"UnicodeScripts\"");
  expect("/pre_tokenizer", {{"type", "Punctuation"}, {"behavior", "isolated"}},
         "pre_tokenizer: behavior: expected Removed, Isolated, MergedWithPrevious, MergedWithNext or "
         "Contiguous, found \"isolated\"");
  expect("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}},
         "pre_tokenizer: replacement: expected one character, found \"ab\"");
  expect("/pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "second"}},
         "pre_tokenizer: prepend_scheme: expected always, first or never, found \"second\"");
  expect("/post_processor/type", "Cut",
         "post_processor: type: expected TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or "
         "Sequence, found \"Cut\"");
  expect("/post_processor/cls", {"?"},
         "post_processor: cls: expected a token and its id, [\"[CLS]\", 101], found an array of 1 values");
  expect("/post_processor/cls", {"?", 3}, "post_processor: expected ids of special tokens below 3, found 3");
  expect("/added_tokens", 1, "added_tokens: expected an array of objects, found 1");
  expect("/added_tokens/0/id", 5, "added_tokens[0]: id: expected 2, the number of tokens so far, found 5");
  expect("/added_tokens/0/content", "a",
         "added_tokens[0]: id: expected 1, which it has in the vocabulary, found 2");
  expect("/added_tokens/0/content", "",
         "added_tokens[0]: content: expected a text that is not empty, found \"\"");
  expect("/added_tokens/0/lstrip", 1, "added_tokens[0]: lstrip: expected true or false, found 1");
  expect("/added_tokens/1", {{"id", 2}, {"content", "<x>"}},
         "added_tokens[1]: id: expected 3, the number of tokens so far, found 2");
}

TEST(TokenizerTest, RefusesTemplatesThatLoseOrRepeatAText) {
  const auto text = [](const char* id) { return nlohmann::json{{"Sequence", {{"id", id}, {"type_id", 0}}}}; };
  const auto expect = [&](const nlohmann::json& single, const nlohmann::json& pair,
                          const std::string& message) {
    nlohmann::json document = document_with(nlohmann::json::array());
    document["post_processor"] = {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}};
    EXPECT_THAT([&] { Tokenizer tokenizer(document); },
                ThrowsMessage<base::FormatError>("tokenizer.json: post_processor: " + message));
  };
  const nlohmann::json a = nlohmann::json::array({text("A")});
  const nlohmann::json ab = nlohmann::json::array({text("A"), text("B")});
  expect(ab, ab, "single: expected the sequence A once, found an array of 2 values");
  expect(a, a, "pair: expected the sequences A and B once each, found an array of 1 values");
  nlohmann::json named = ab;
  named.push_back({{"SpecialToken", {{"id", "[SEP]"}, {"type_id", 0}}}});
  expect(a, named, "special_tokens: expected an object, found no such field");
}

// Each "a" becomes ten, ten times over: the text would have ten billion letters.
TEST(TokenizerTest, RefusesATextThatANormalizerBlowsUp) {
  nlohmann::json document = document_with(nlohmann::json::array());
  nlohmann::json normalizers = nlohmann::json::array();
  for (int i = 0; i < 10; ++i) {
    normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaaaaaaaa"}});
  }
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  const Tokenizer tokenizer(document);
  EXPECT_THAT([&] { tokenizer.encode("a", std::nullopt, 8); },
              ThrowsMessage<base::InvalidArgument>(
                  "text: expected a normalized form of up to 4160 bytes, found a longer one"));
}

TEST(BertDocumentTest, RefusesAVocabularyWithoutASpecialTokenItNeeds) {
  for (const std::string missing : {"[UNK]", "[CLS]", "[SEP]"}) {
    std::vector<std::string> tokens = {"[UNK]", "[CLS]", "[SEP]"};
    std::erase(tokens, missing);
    EXPECT_THAT(
        [&] { make_bert_document(tokens, {}, "tokens"); },
        ThrowsMessage<base::FormatError>("tokens: expected the token " + missing + ", found none among 2"));
  }
}

TEST(BertDocumentTest, RefusesATokenThatOccursTwice) {
  EXPECT_THAT(
      [] {
        make_tokenizer({"a", "b", "a"});
      },
      ThrowsMessage<base::FormatError>(
          "vocabulary: token 5: expected each token once, found 'a', which is token 3"));
}

TEST(BertDocumentTest, RefusesATokenThatIsNotUtf8) {
  EXPECT_THAT(
      [] {
        make_tokenizer({"a", "b\xC3"});
      },
      ThrowsMessage<base::FormatError>(
          "vocabulary: token 4: expected UTF-8, found an invalid byte at position 1"));
}

TEST(BertDocumentTest, VersionOneGivesTheTokenizerBack) {
  const std::vector<std::string> tokens = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "a", "##b", "É"};
  nlohmann::json document = make_bert_document(tokens, {.do_lower_case = false}, "tokens");
  document["added_tokens"].push_back({{"id", 7}, {"content", "<x>"}, {"normalized", false}});
  std::vector<std::string> packed = tokens;
  packed.emplace_back("<x>");
  const nlohmann::json settings = {{"do_lower_case", false},
                                   {"strip_accents", nullptr},
                                   {"tokenize_chinese_chars", true},
                                   {"unk_token", "[UNK]"},
                                   {"cls_token", "[CLS]"},
                                   {"sep_token", "[SEP]"},
                                   {"pad_token", ""},
                                   {"mask_token", ""},
                                   {"num_pieces", 7},
                                   {"added_tokens", {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "<x>"}}};
  const Tokenizer before(document);
  const Tokenizer after(make_version_1_document(settings, packed, "tokens"));
  for (const char* const text : {"ab É<x> [SEP] A", "[PAD][MASK]"}) {
    EXPECT_EQ(after.encode(text, "a", 100).input_ids, before.encode(text, "a", 100).input_ids) << text;
  }
}

TEST(BertDocumentTest, BadSettingsOfVersionOne) {
  const std::vector<std::string> tokens = {"[UNK]", "[CLS]", "[SEP]"};
  const auto expect = [&](const nlohmann::json& settings, const std::string& message) {
    EXPECT_THAT([&] { make_version_1_document(settings, tokens, "t"); },
                ThrowsMessage<base::FormatError>("t: " + message));
  };
  expect(nlohmann::json::array(), "expected a JSON object, found an array of 0 values");
  expect({{"num_pieces", 4}}, "num_pieces: expected an integer from 0 to 3, found 4");
  expect({{"num_pieces", 3}}, "added_tokens: expected an array of strings, found no such field");
  expect({{"num_pieces", 3}, {"added_tokens", {1}}},
         "added_tokens: expected an array of strings, found an array of 1 values");
  expect({{"num_pieces", 3}, {"added_tokens", {"<x>"}}}, "expected the token <x>, found none among 3");
  expect({{"do_lower_case", 1}}, "do_lower_case: expected true or false, found 1");
}

}  // namespace
}  // namespace kdqat::text
