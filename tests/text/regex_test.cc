#include "kdqat/text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

std::vector<std::string> matches(std::string_view expression, std::string_view text) {
  const auto pattern = make_regex(expression, "pattern");
  std::vector<std::string> found;
  std::size_t from = 0;
  while (const std::optional<Match> match = pattern->find(text, from)) {
    found.emplace_back(text.substr(match->begin, match->end - match->begin));
    from = match->end;
  }
  return found;
}

TEST(RegexTest, FindsCharactersClassesAndSets) {
  EXPECT_THAT(matches("b", "abcb"), ElementsAre("b", "b"));
  EXPECT_THAT(matches("\\d\\D", "a1b22"), ElementsAre("1b"));
  EXPECT_THAT(matches("[^\\sa-c]", "a d\u00E9"), ElementsAre("d", "\u00E9"));
  EXPECT_THAT(matches("\\p{L}\\P{N}", "a1bc"), ElementsAre("bc"));
  EXPECT_THAT(matches("[-\\]]", "a-]"), ElementsAre("-", "]"));
  EXPECT_THAT(matches("\\x{2581}\\.", "\u2581."), ElementsAre("\u2581."));
  EXPECT_THAT(matches(".", "a\n"), ElementsAre("a"));
}

TEST(RegexTest, RepetitionsAreGreedy) {
  EXPECT_THAT(matches(" {2,}", "a b  c   "), ElementsAre("  ", "   "));
  EXPECT_THAT(matches("a{2,3}", "aaaaaa a"), ElementsAre("aaa", "aaa"));
  EXPECT_THAT(matches("a{2}", "aaa"), ElementsAre("aa"));
  EXPECT_THAT(matches("ab?c*", "abcca"), ElementsAre("abcc", "a"));
  EXPECT_THAT(matches("\\s*[\\n]+", "a \n \n b"), ElementsAre(" \n \n"));
}

TEST(RegexTest, AlternativesAreTriedInOrder) {
  EXPECT_THAT(matches("a|ab", "ab"), ElementsAre("a"));
  EXPECT_THAT(matches("ab|a", "ab a"), ElementsAre("ab", "a"));
  EXPECT_THAT(matches("(?:a|b(c|d))+", "abdbe"), ElementsAre("abd"));
}

TEST(RegexTest, LooksAhead) {
  EXPECT_THAT(matches("\\s+(?!\\S)", "a  b  "), ElementsAre(" ", "  "));
  EXPECT_THAT(matches("a(?=b)", "aab"), ElementsAre("a"));
  EXPECT_THAT(matches("a(?=b)", "a"), IsEmpty());
}

TEST(RegexTest, CaseIsIgnoredWhereItIsAsked) {
  EXPECT_THAT(matches("(?i:'s)|x", "'S 's '\u017F X"), ElementsAre("'S", "'s", "'\u017F"));
}

// Backtracking would take 2^30 steps for each of these.
TEST(RegexTest, TakesLinearTime) {
  EXPECT_THAT(matches("(?:a?){30}a{30}", std::string(29, 'a')), IsEmpty());
  EXPECT_THAT(matches("(?:a+)+b", std::string(100'000, 'a')), IsEmpty());
}

TEST(RegexTest, RefusesWhatIsNotSupported) {
  const auto expect = [](std::string_view expression, const std::string& what) {
    EXPECT_THAT(
        [&] { make_regex(expression, "pattern"); },
        ThrowsMessage<base::FormatError>("pattern: Regex: expected an expression that is supported, found " +
                                         what + " in " + base::quote(expression)));
  };
  expect("^a", "'^'");
  expect("a)", "a ) without (");
  expect("(a", "a ( without )");
  expect("a*", "a match of the empty text");
  expect("a|(?!b)", "a match of the empty text");
  expect("a+?", "a lazy or possessive repetition");
  expect("a{2", "a repetition of another form");
  expect("a{3,2}", "a repetition of another form");
  expect("a{101}", "a number of repetitions");
  expect("(?<=a)b", "a group of another kind");
  expect("(?!ab)c", "a lookahead at more than one character");
  expect("\\b", "'\\b'");
  expect("\\p{Greek}", "\\p{Greek}");
  expect("[a", "an end that is too early");
  expect("[b-a]", "a range of another form");
  expect("a\\", "a backslash at the end");
  expect("(?:(?:(?:a{100}){100}){100}){100}", "too many repetitions");
}

}  // namespace
}  // namespace kdqat::text
