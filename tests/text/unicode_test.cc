#include "kdqat/text/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "kdqat/text/aligned_text.h"
#include "kdqat/text/unicode_normalizer.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

constexpr char32_t kEnd = 0x110000;

bool is_surrogate(char32_t character) { return character >= 0xD800 && character < 0xE000; }

std::vector<bool> characters_in(const nlohmann::json& ranges) {
  std::vector<bool> is_in(kEnd, false);
  for (const auto& range : ranges) {
    for (auto c = range.at(0).get<std::size_t>(); c <= range.at(1).get<std::size_t>(); ++c) is_in[c] = true;
  }
  return is_in;
}

struct ClassCase {
  const char* name;
  bool (*is_member)(char32_t);
};

class CharacterClassTest : public ::testing::TestWithParam<ClassCase> {};

TEST_P(CharacterClassTest, EveryCharacterIsWhatHuggingFaceTakesItFor) {
  const std::vector<bool> expected =
      characters_in(read_json_fixture("character-classes.json").at(GetParam().name));
  for (char32_t c = 0; c < kEnd; ++c) {
    if (is_surrogate(c)) continue;
    // The fixture's normalizer tests for control characters first.
    const bool actual = GetParam().is_member(c) && !(GetParam().is_member == is_whitespace && is_control(c));
    ASSERT_EQ(actual, expected[c]) << "U+" << std::hex << static_cast<std::uint32_t>(c);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllClasses, CharacterClassTest,
    ::testing::Values(ClassCase{"control", is_control}, ClassCase{"whitespace", is_whitespace},
                      ClassCase{"punctuation", is_punctuation},
                      ClassCase{"nonspacing_mark", is_nonspacing_mark},
                      ClassCase{"cjk_ideograph", is_cjk_ideograph}, ClassCase{"letter", is_letter},
                      ClassCase{"number", is_number}, ClassCase{"decimal_digit", is_decimal_digit},
                      ClassCase{"mark", is_mark}, ClassCase{"word", is_word_character},
                      ClassCase{"numeric", is_numeric}, ClassCase{"combining_mark", is_combining_mark}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(CharacterClassTest, EveryCharactersSmallLetterIsHuggingFaces) {
  std::vector<std::string> expected(kEnd);
  const nlohmann::json fixture = read_json_fixture("character-classes.json");
  for (const auto& row : fixture.at("lower")) {
    for (std::size_t i = 1; i < row.size(); ++i) {
      append_character(static_cast<char32_t>(row.at(i).get<std::uint32_t>()),
                       expected[row.at(0).get<std::size_t>()]);
    }
  }
  for (char32_t c = 0; c < kEnd; ++c) {
    if (is_surrogate(c)) continue;
    std::string same;
    append_character(c, same);
    std::string lower;
    append_lower_character(c, lower);
    ASSERT_EQ(lower, expected[c].empty() ? same : expected[c]) << std::hex << static_cast<std::uint32_t>(c);
  }
}

std::uint32_t adler32(std::string_view text, std::uint32_t checksum) {
  constexpr std::uint32_t kModulus = 65521;
  std::uint32_t low = checksum & 0xFFFFU;
  std::uint32_t high = checksum >> 16U;
  for (const char c : text) {
    low = (low + static_cast<unsigned char>(c)) % kModulus;
    high = (high + low) % kModulus;
  }
  return high << 16U | low;
}

TEST(UnicodeNormalizerTest, EveryCharacterAmongMarksBecomesWhatHuggingFaceMakesOfIt) {
  const nlohmann::json fixture = read_json_fixture("character-classes.json");
  const nlohmann::json& forms = fixture.at("forms");
  AlignedText text;
  AlignedText spare;
  for (const auto& [form, expected] : forms.items()) {
    const UnicodeNormalizer normalizer(
        {.is_compatible = form.starts_with("NFK"), .composes = form.ends_with('C')});
    std::uint32_t checksum = 1;
    for (char32_t c = 1; c < kEnd; ++c) {
      if (is_surrogate(c)) continue;
      std::string among_marks = "a\u0315\u0300\u0323";
      append_character(c, among_marks);
      text.assign(among_marks + "\u0327x", 0);
      normalizer.normalize(text, spare);
      checksum = adler32(text.bytes, checksum);
    }
    EXPECT_EQ(checksum, expected.get<std::uint32_t>()) << form;
  }
}

TEST(Utf8Test, EveryCharacterIsReadAsItWasWritten) {
  std::string text;
  for (char32_t c = 0; c < kEnd; ++c) {
    if (!is_surrogate(c)) append_character(c, text);
  }
  ASSERT_EQ(find_invalid_utf8(text), std::nullopt);
  std::size_t position = 0;
  for (char32_t c = 0; c < kEnd; ++c) {
    if (is_surrogate(c)) continue;
    ASSERT_EQ(next_character(text, position), c);
  }
  EXPECT_EQ(position, text.size());
}

TEST(Utf8Test, FindsTheFirstInvalidByteAtEveryPlace) {
  const std::vector<std::string> invalid = {
      "\x80",              // continuation without a start
      "\xC3",              // cut after the first byte
      "\xE4\xB8",          // cut within a character
      "\xC0\xAF",          // overlong
      "\xE0\x80\xAF",      // overlong
      "\xED\xA0\x80",      // a surrogate
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xFF",
  };
  for (const std::string& bytes : invalid) {
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string text = std::string(before, 'a') + bytes;
      EXPECT_EQ(find_invalid_utf8(text), before);
      EXPECT_EQ(find_invalid_utf8(text + "aaaaaaaaa"), before);
    }
  }
}

TEST(Utf8Test, EmptyTextIsWellFormed) { EXPECT_EQ(find_invalid_utf8(""), std::nullopt); }

}  // namespace
}  // namespace kdqat::text
