#include "kdqat/text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  PreTokenizer pre_tokenizer(text);
  for (std::string_view word = pre_tokenizer.next(); !word.empty(); word = pre_tokenizer.next()) {
    words.emplace_back(word);
  }
  return words;
}

TEST(PreTokenizerTest, CutsAtSpaces) { EXPECT_THAT(words_of("  ab c   é "), ElementsAre("ab", "c", "é")); }

TEST(PreTokenizerTest, EachPunctuationCharacterIsAWord) {
  EXPECT_THAT(words_of("don't!?"), ElementsAre("don", "'", "t", "!", "?"));
  EXPECT_THAT(words_of("$1^2`"), ElementsAre("$", "1", "^", "2", "`"));
  EXPECT_THAT(words_of("«a»、b—c"), ElementsAre("«", "a", "»", "、", "b", "—", "c"));
}

TEST(PreTokenizerTest, SymbolsBeyondAsciiBelongToWords) {
  EXPECT_THAT(words_of("5€ ©x"), ElementsAre("5€", "©x"));
}

TEST(PreTokenizerTest, NothingComesFromNothing) {
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of("   "), IsEmpty());
}

}  // namespace
}  // namespace kdqat::text
