#include "kdqat/text/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

INSTANTIATE_TEST_SUITE_P(AllClasses, CharacterClassTest,
                         ::testing::Values(ClassCase{"control", is_control},
                                           ClassCase{"whitespace", is_whitespace},
                                           ClassCase{"punctuation", is_punctuation},
                                           ClassCase{"nonspacing_mark", is_nonspacing_mark},
                                           ClassCase{"cjk_ideograph", is_cjk_ideograph}),
                         [](const auto& test) { return std::string(test.param.name); });

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
