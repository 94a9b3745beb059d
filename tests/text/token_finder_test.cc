#include "kdqat/text/token_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Numbers = std::vector<std::size_t>;

std::vector<TokenFinder::Found> find(const std::vector<std::string>& tokens, std::string_view text) {
  std::vector<TokenFinder::Found> found = {{.number = 9, .begin = 9, .end = 9}};
  TokenFinder(tokens).find(text, found);
  return found;
}

Numbers numbers(const std::vector<TokenFinder::Found>& found) {
  Numbers result;
  for (const TokenFinder::Found& match : found) result.push_back(match.number);
  return result;
}

TEST(TokenFinderTest, FindsTheLeftmostAndThereTheLongest) {
  const auto found = find({"[A]", "[A][B]", "[B]"}, "x[A][B]");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].number, 1U);
  EXPECT_EQ(found[0].begin, 1U);
  EXPECT_EQ(found[0].end, 7U);
  EXPECT_THAT(numbers(find({"[A]", "[A][B]", "[B]"}, "[B][A][A]")), ElementsAre(2, 0, 0));
  EXPECT_THAT(numbers(find({"b", "abc"}, "ab")), ElementsAre(0)) << "what only begins like a token is none";
}

TEST(TokenFinderTest, FindsNothingWhereThereIsNone) {
  EXPECT_THAT(find({"[A]"}, "[a] [A"), IsEmpty());
  EXPECT_THAT(find({}, "[A]"), IsEmpty());
  EXPECT_THAT(find({""}, "[A]"), IsEmpty());
  EXPECT_TRUE(TokenFinder().empty());
}

TEST(TokenFinderTest, OfEqualTokensTheFirstIsFound) {
  EXPECT_THAT(numbers(find({"b", "a", "a"}, "a")), ElementsAre(1));
}

/// One place after the other, every token.
Numbers find_by_trying(const std::vector<std::string>& tokens, std::string_view text) {
  Numbers result;
  for (std::size_t position = 0; position < text.size();) {
    std::size_t best = tokens.size();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool is_longer = best == tokens.size() || tokens[i].size() > tokens[best].size();
      if (text.substr(position).starts_with(tokens[i]) && is_longer) best = i;
    }
    if (best < tokens.size()) result.push_back(best);
    position += best < tokens.size() ? tokens[best].size() : 1;
  }
  return result;
}

TEST(TokenFinderTest, FindsWhatTryingEveryTokenFinds) {
  std::mt19937 random(1);
  const auto draw = [&](std::size_t longest) {
    std::string text(1 + random() % longest, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> tokens;
    for (std::size_t i = 1 + random() % 6; i > 0; --i) tokens.push_back(draw(6));
    const std::string text = draw(60);
    EXPECT_EQ(numbers(find(tokens, text)), find_by_trying(tokens, text))
        << ::testing::PrintToString(tokens) << text;
  }
}

}  // namespace
}  // namespace kdqat::text
