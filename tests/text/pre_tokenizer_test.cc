#include "kdqat/text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kdqat::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> words_of(const nlohmann::json& document, std::string_view text) {
  Words words;
  words.text.assign(text, 0);
  if (!text.empty()) words.ranges.push_back({.begin = 0, .end = static_cast<std::uint32_t>(text.size())});
  make_pre_tokenizer(base::JsonFields(document, "pre_tokenizer"), {})->cut(words);
  std::vector<std::string> result;
  for (const WordRange range : words.ranges) {
    result.push_back(words.text.bytes.substr(range.begin, range.end - range.begin));
  }
  return result;
}

std::vector<std::string> words_of(std::string_view text) {
  return words_of({{"type", "BertPreTokenizer"}}, text);
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

TEST(PreTokenizerTest, MetaspaceMarksTheBeginningsOfWords) {
  EXPECT_THAT(words_of({{"type", "Metaspace"}}, "a  bc"), ElementsAre("\u2581a", "\u2581", "\u2581bc"));
  EXPECT_THAT(words_of({{"type", "Metaspace"}, {"split", false}, {"prepend_scheme", "never"}}, "a b"),
              ElementsAre("a\u2581b"));
}

TEST(PreTokenizerTest, ByteLevelCutsAsGpt2Does) {
  EXPECT_THAT(words_of({{"type", "ByteLevel"}, {"add_prefix_space", false}}, "it's  1\u00E9\n "),
              ElementsAre("it", "'s", "\u0120", "\u01201", "\u00C3\u00A9", "\u010A\u0120"));
}

TEST(PreTokenizerTest, NothingComesFromNothing) {
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of("   "), IsEmpty());
}

}  // namespace
}  // namespace kdqat::text
