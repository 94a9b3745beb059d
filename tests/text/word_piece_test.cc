#include "kdqat/text/word_piece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "tests/text/model_fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kUnknown = 0;

Ids ids_of(std::string_view word, const WordPiece& word_piece) {
  Ids ids;
  for (const Piece& piece : pieces_of(word, word_piece)) ids.push_back(piece.id);
  return ids;
}

Ids ids_of(std::string_view word, const std::vector<std::string>& tokens) {
  return ids_of(word, WordPiece(Tokens(tokens), {.unknown_id = kUnknown}));
}

TEST(WordPieceTest, GivesWhatHuggingFaceGives) {
  const json records = read_json_fixture("word-piece.json");
  ASSERT_EQ(records.size(), 5U);
  for (const json& record : records) expect_record(record);
}

TEST(WordPieceTest, TakesTheLongestTokenFromTheLeft) {
  const std::vector<std::string> tokens = {"[UNK]", "a", "ab", "##b", "##c", "##bc", "##cd", "##d"};
  EXPECT_THAT(ids_of("a", tokens), ElementsAre(1));
  EXPECT_THAT(ids_of("abc", tokens), ElementsAre(2, 4));
  EXPECT_THAT(ids_of("abcd", tokens), ElementsAre(2, 6));
  EXPECT_THAT(ids_of("abbcd", tokens), ElementsAre(2, 5, 7));
}

TEST(WordPieceTest, AWordThatCannotBeCutToItsEndIsOneUnknownToken) {
  const std::vector<std::string> tokens = {"[UNK]", "a", "##b", "##bcd"};
  EXPECT_THAT(ids_of("abx", tokens), ElementsAre(kUnknown));
  EXPECT_THAT(ids_of("xab", tokens), ElementsAre(kUnknown));
  // Greedy: "##bcd" does not fit, "##b" does, and nothing continues with "c".
  EXPECT_THAT(ids_of("abc", tokens), ElementsAre(kUnknown));
}

TEST(WordPieceTest, BeginningsDoNotContinueAndContinuationsDoNotBegin) {
  EXPECT_THAT(ids_of("ab", {"[UNK]", "a", "b"}), ElementsAre(kUnknown));
  EXPECT_THAT(ids_of("ab", {"[UNK]", "##a", "##b"}), ElementsAre(kUnknown));
}

TEST(WordPieceTest, AWordMayHaveUpToAHundredCharacters) {
  const std::vector<std::string> tokens = {"[UNK]", "é", "##é"};
  std::string word;
  for (int i = 0; i < 100; ++i) word += "é";
  EXPECT_EQ(ids_of(word, tokens).size(), 100U);
  EXPECT_THAT(ids_of(word + "é", tokens), ElementsAre(kUnknown));
}

TEST(WordPieceTest, AppendsBehindWhatIsThere) {
  const WordPiece word_piece(Tokens({"[UNK]", "a", "##b"}), {.unknown_id = kUnknown});
  std::vector<Piece> pieces = {{.id = 7, .begin = 8, .end = 9}};
  word_piece.append_pieces("abx", pieces);
  word_piece.append_pieces("ab", pieces);
  EXPECT_THAT(pieces, ElementsAre(Piece{7, 8, 9}, Piece{kUnknown, 0, 3}, Piece{1, 0, 1}, Piece{2, 1, 2}));
}

TEST(WordPieceTest, WorksWithoutAnyToken) {
  EXPECT_THAT(ids_of("a", std::vector<std::string>()), ElementsAre(kUnknown));
}

TEST(WordPieceTest, TokensMayBeEmptyOrLongerThanTheStackIsDeep) {
  const std::vector<std::string> tokens = {"[UNK]", "", "a", std::string(1'000'000, 'a')};
  EXPECT_THAT(ids_of("a", tokens), ElementsAre(2));
}

std::string random_word(base::Random& random, std::uint64_t max_length) {
  std::string word;
  const std::uint64_t length = 1 + random.below(max_length);
  for (std::uint64_t i = 0; i < length; ++i) {
    word += std::vector<std::string>{"a", "b", "c", "é", "中", "\xF0\x9F\x98\x80"}[random.below(6)];
  }
  return word;
}

/// The definition: from the left, try every length from the longest.
Ids ids_by_definition(std::string_view word, const std::vector<std::string>& tokens) {
  Ids ids;
  std::size_t start = 0;
  while (start < word.size()) {
    const std::string prefix = start == 0 ? "" : "##";
    std::size_t length = word.size() - start;
    auto token = tokens.end();
    for (; length > 0; --length) {
      token = std::find(tokens.begin(), tokens.end(), prefix + std::string(word.substr(start, length)));
      if (token != tokens.end()) break;
    }
    if (length == 0) return {kUnknown};
    ids.push_back(static_cast<std::int32_t>(token - tokens.begin()));
    start += length;
  }
  return ids;
}

TEST(WordPieceTest, GivesWhatTheDefinitionGivesForRandomVocabularies) {
  base::Random random(/*seed=*/1);
  for (int round = 0; round < 30; ++round) {
    std::set<std::string> distinct;
    const std::uint64_t size = 1 + random.below(200);
    while (distinct.size() < size)
      distinct.insert((random.below(2) == 0 ? "" : "##") + random_word(random, 4));
    std::vector<std::string> tokens = {"[UNK]"};
    tokens.insert(tokens.end(), distinct.begin(), distinct.end());
    const WordPiece word_piece(Tokens(tokens), {.unknown_id = kUnknown});
    for (int i = 0; i < 100; ++i) {
      const std::string word = random_word(random, 10);
      ASSERT_EQ(ids_of(word, word_piece), ids_by_definition(word, tokens)) << word;
    }
  }
}

TEST(WordPieceTest, FieldsMayBeLeftOut) {
  const auto model = model_of({{"type", "WordPiece"}, {"vocab", {{"[UNK]", 0}, {"a", 1}, {"##b", 2}}}});
  EXPECT_EQ(describe_pieces("ab", *model), "1,0,1 2,1,2");
  EXPECT_EQ(describe_pieces("a" + std::string(100, 'b'), *model), "0,0,101");
}

TEST(WordPieceTest, WrongFieldsAreNamed) {
  const auto expect = [](const char* field, const json& value, const std::string& message) {
    json fields = {{"type", "WordPiece"}, {"vocab", {{"[UNK]", 0}}}};
    fields[field] = value;
    EXPECT_THAT([&] { model_of(fields); }, ThrowsMessage<base::FormatError>(message));
  };
  expect("unk_token", "<unk>", "model: vocab: expected the token '<unk>', found none among 1");
  expect("unk_token", 1, "model: unk_token: expected a string, found 1");
  expect("continuing_subword_prefix", 1, "model: continuing_subword_prefix: expected a string, found 1");
  expect("max_input_chars_per_word", -1,
         "model: max_input_chars_per_word: expected an integer of at least 0, found -1");
}

}  // namespace
}  // namespace kdqat::text
