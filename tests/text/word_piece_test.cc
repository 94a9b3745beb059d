#include "kdqat/text/word_piece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "kdqat/base/random.h"

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kUnknown = 0;

Ids ids_of(std::string_view word, const std::vector<std::string>& tokens) {
  Ids ids;
  WordPiece(tokens, kUnknown).append_ids(word, ids);
  return ids;
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
  const std::vector<std::string> tokens = {"[UNK]", "a"};
  Ids ids = {7};
  WordPiece(tokens, kUnknown).append_ids("ab", ids);
  EXPECT_THAT(ids, ElementsAre(7, kUnknown));
}

TEST(WordPieceTest, WorksWithoutAnyToken) { EXPECT_THAT(ids_of("a", {}), ElementsAre(kUnknown)); }

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
    const WordPiece word_piece(tokens, kUnknown);
    for (int i = 0; i < 100; ++i) {
      const std::string word = random_word(random, 10);
      Ids ids;
      word_piece.append_ids(word, ids);
      ASSERT_EQ(ids, ids_by_definition(word, tokens)) << word;
    }
  }
}

}  // namespace
}  // namespace kdqat::text
