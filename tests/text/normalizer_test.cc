#include "kdqat/text/normalizer.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace kdqat::text {
namespace {

struct Settings {
  bool do_lower_case = true;
  std::optional<bool> strip_accents = std::nullopt;
  bool tokenize_chinese_chars = true;
};

std::string apply(const nlohmann::json& document, std::string_view text) {
  const auto normalizer = make_normalizer(base::JsonFields(document, "normalizer"));
  AlignedText normalized;
  AlignedText spare;
  spare.bytes = "what was there before";
  normalized.assign(text, 0);
  normalizer->normalize(normalized, spare);
  return normalized.bytes;
}

std::string normalize(std::string_view text, const Settings& settings = {}) {
  return apply(
      {{"type", "BertNormalizer"},
       {"handle_chinese_chars", settings.tokenize_chinese_chars},
       {"strip_accents", settings.strip_accents ? nlohmann::json(*settings.strip_accents) : nlohmann::json()},
       {"lowercase", settings.do_lower_case}},
      text);
}

TEST(NormalizerTest, DropsControlCharactersAndTurnsWhitespaceIntoSpaces) {
  EXPECT_EQ(normalize(std::string_view("a\0b\x07 c\x7F", 6)), "ab c");
  EXPECT_EQ(normalize("a\tb\nc\rd\u00A0e\u2028f\u3000g"), "a b c d e f g");
  EXPECT_EQ(normalize("a\u200Bb\u00ADc\uFEFFd\uFFFDe\uE000f"), "abcdef");
}

TEST(NormalizerTest, SetsIdeographsApartButNoKanaOrHangul) {
  const Settings cased{.do_lower_case = false};
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

TEST(NormalizerTest, SortsTheMarksThatStay) {
  EXPECT_EQ(normalize("\U0001D158\U0001D16D\U0001D165"), "\U0001D158\U0001D165\U0001D16D");
}

TEST(NormalizerTest, MarksOfOneLetterTakeLinearTime) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0316";
  for (const char* const form : {"NFC", "NFD", "NFKC", "NFKD"}) {
    EXPECT_GE(apply({{"type", form}}, text).size(), text.size() - 2) << form;
  }
}

TEST(NormalizerTest, EachByteHasTheOriginOfItsCharacter) {
  AlignedText text;
  AlignedText spare;
  text.is_aligned = spare.is_aligned = true;
  text.assign("\u00C4\uFB01", 10);
  make_normalizer(base::JsonFields(nlohmann::json{{"type", "NFKC"}}, "normalizer"))->normalize(text, spare);
  EXPECT_EQ(text.bytes, "\u00C4fi");
  EXPECT_EQ(text.origins, (std::vector<Span>{{10, 12}, {10, 12}, {12, 15}, {12, 15}}));
}

TEST(NormalizerTest, EmptyTextStaysEmpty) { EXPECT_EQ(normalize(""), ""); }

}  // namespace
}  // namespace kdqat::text
