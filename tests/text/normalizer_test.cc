#include "kdqat/text/normalizer.h"

#include <gtest/gtest.h>

#include <string>

namespace kdqat::text {
namespace {

std::string normalize(std::string_view text, const NormalizerConfig& config = {}) {
  std::string normalized = "what was there before";
  Normalizer(config).normalize(text, normalized);
  return normalized;
}

TEST(NormalizerTest, DropsControlCharactersAndTurnsWhitespaceIntoSpaces) {
  EXPECT_EQ(normalize(std::string_view("a\0b\x07 c\x7F", 6)), "ab c");
  EXPECT_EQ(normalize("a\tb\nc\rd\u00A0e\u2028f\u3000g"), "a b c d e f g");
  EXPECT_EQ(normalize("a\u200Bb\u00ADc\uFEFFd\uFFFDe\uE000f"), "abcdef");
}

TEST(NormalizerTest, SetsIdeographsApartButNoKanaOrHangul) {
  const NormalizerConfig cased{.do_lower_case = false};
  EXPECT_EQ(normalize("a中文b", cased), "a 中  文 b");
  EXPECT_EQ(normalize("テスト한국", cased), "テスト한국");
  EXPECT_EQ(normalize("a中b", {.tokenize_chinese_chars = false}), "a中b");
}

TEST(NormalizerTest, DecomposesAndDropsAccents) {
  EXPECT_EQ(normalize("É e\u0301 Å ñ ΐ"), "e e a n ι");
  EXPECT_EQ(normalize("한"), "\u1112\u1161\u11AB");
}

TEST(NormalizerTest, AnIdeographIsSetApartBeforeItIsDecomposed) {
  EXPECT_EQ(normalize("a\uF900"), "a \u8C48 ");
}

TEST(NormalizerTest, AccentsFollowTheCaseUnlessTheyAreGiven) {
  EXPECT_EQ(normalize("É"), "e");
  EXPECT_EQ(normalize("É", {.do_lower_case = false}), "É");
  EXPECT_EQ(normalize("É", {.do_lower_case = true, .strip_accents = false}), "é");
  EXPECT_EQ(normalize("É", {.do_lower_case = false, .strip_accents = true}), "E");
}

TEST(NormalizerTest, LowersLetterByLetter) {
  EXPECT_EQ(normalize("ΟΔΟΣ"), "οδοσ");  // no final sigma
  EXPECT_EQ(normalize("STRAẞE"), "straße");
  EXPECT_EQ(normalize("İı"), "iı");
  EXPECT_EQ(normalize("İ", {.strip_accents = false}), "i\u0307");
  EXPECT_EQ(normalize("ﬁ"), "ﬁ");
}

TEST(NormalizerTest, EmptyTextStaysEmpty) { EXPECT_EQ(normalize(""), ""); }

}  // namespace
}  // namespace kdqat::text
