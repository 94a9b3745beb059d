#include "kdqat/text/token_trie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "kdqat/base/random.h"

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;

TEST(TokenTrieTest, FindsAllTokensThatATextStartsWithTheShortestFirst) {
  const std::vector<std::string> tokens = {"abc", "a", "abcd", "b", "", "é"};
  const TokenTrie trie(tokens);
  std::vector<std::int32_t> ids;
  std::vector<std::size_t> lengths;
  trie.for_each_match(TokenTrie::kRoot, "abcx", [&](const TokenTrie::Match& match) {
    ids.push_back(match.id);
    lengths.push_back(match.length);
  });
  EXPECT_THAT(ids, ElementsAre(1, 0));
  EXPECT_THAT(lengths, ElementsAre(1, 3));
  EXPECT_EQ(trie.longest_match(TokenTrie::kRoot, "abcx").id, 0);
}

TEST(TokenTrieTest, FindsWholeTokensOnly) {
  const std::vector<std::string> tokens = {"abc", "a", "", "é"};
  const TokenTrie trie(tokens);
  EXPECT_EQ(trie.find("abc"), 0);
  EXPECT_EQ(trie.find("é"), 3);
  EXPECT_EQ(trie.find("ab"), -1);
  EXPECT_EQ(trie.find("abcd"), -1);
  EXPECT_EQ(trie.find(""), -1);
}

TEST(TokenTrieTest, OfATokenThatOccursTwiceTheLastIdCounts) {
  const std::vector<std::string> tokens = {"ab", "a", "ab", "a"};
  const TokenTrie trie(tokens);
  EXPECT_EQ(trie.find("ab"), 2);
  EXPECT_EQ(trie.find("a"), 3);
}

TEST(TokenTrieTest, TokensAreSortedByTheirBytesThenByPosition) {
  const std::string zero(1, '\0');
  const std::vector<std::string> tokens = {"b", "12345678b", "12345678a", "b", "", "é", "a" + zero, "a"};
  EXPECT_THAT(sort_by_bytes(tokens), ElementsAre(4, 2, 1, 7, 6, 0, 3, 5));
}

TEST(TokenTrieTest, NodesWhoseChildrenFitIntoNoGapTakeNoQuadraticTime) {
  // 12,000 nodes with 30 of 94 children each. Trying all gaps for each of them takes a minute.
  base::Random random(/*seed=*/1);
  const auto random_character = [&] { return static_cast<char>('!' + random.below(94)); };
  std::set<std::string> distinct;
  for (int i = 0; i < 12'000; ++i) {
    const std::string prefix = {random_character(), random_character(), random_character()};
    for (int child = 0; child < 30; ++child) distinct.insert(prefix + random_character());
  }
  const std::vector<std::string> tokens(distinct.begin(), distinct.end());
  const auto start = std::chrono::steady_clock::now();
  const TokenTrie trie(tokens);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ASSERT_EQ(trie.find(tokens[i]), static_cast<std::int32_t>(i));
  }
}

}  // namespace
}  // namespace kdqat::text
