#include "kdqat/text/char_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "kdqat/text/base64.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

json fixture() { return read_json_fixture("char-map.json").at(0); }

std::string fixture_blob() { return *decode_base64(fixture().at("precompiled_charsmap").get<std::string>()); }

std::string unit(std::uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i, value >>= 8U) bytes.push_back(static_cast<char>(value & 0xFFU));
  return bytes;
}

TEST(CharMapTest, GivesWhatHuggingFaceGives) {
  const json record = fixture();
  const CharMap map = CharMap::from_json(base::JsonFields(record, "normalizer"), "precompiled_charsmap");
  ASSERT_EQ(record.at("parts").size(), 19U);
  for (const json& pair : record.at("parts")) {
    const auto found = map.find(pair[0].get<std::string>());
    const json result = found ? json(*found) : json();
    EXPECT_EQ(result, pair[1]) << pair[0];
  }
}

/// A map of one entry: `label` to "x". Its unit is at `offset` ^ `label`, its value beside it.
std::string map_of_one_entry(std::uint32_t root, std::uint32_t offset, std::uint32_t label) {
  std::vector<std::uint32_t> units(512);
  units[0] = root;
  units[offset ^ label] = label | 1U << 8U | 1U << 10U;
  units[offset ^ label ^ 1U] = 1U << 31U;
  std::string blob = unit(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t value : units) blob += unit(value);
  return blob + "x";
}

TEST(CharMapTest, AZeroByteEndsWhatIsLookedUp) {
  EXPECT_EQ(CharMap(map_of_one_entry(2U << 10U, 2, 0), "map").find(std::string("\0A", 2)), std::nullopt);
  EXPECT_EQ(CharMap(fixture_blob(), "map").find(""), std::nullopt);
}

TEST(CharMapTest, OffsetsAreNearOrFar) {
  EXPECT_EQ(CharMap(map_of_one_entry(2U << 10U, 2, 'a'), "map").find("ab"), "x");
  const std::uint32_t is_far = 1U << 9U;
  EXPECT_EQ(CharMap(map_of_one_entry(is_far | 1U << 10U, 256, 'a'), "map").find("ab"), "x");
}

TEST(CharMapTest, DamagedMapsAreNamed) {
  const auto expect = [](const std::string& blob, const std::string& message) {
    EXPECT_THAT([&] { CharMap(blob, "map"); }, ThrowsMessage<base::FormatError>(message));
  };
  expect("", "map: expected the size of a trie, found 0 bytes");
  expect(unit(0) + unit(0), "map: expected a trie of 1 to 1 units, found a size of 0");
  expect(unit(8) + unit(0), "map: expected a trie of 1 to 1 units, found a size of 2");
  expect(unit(0xFFFFFFFF) + unit(0), "map: expected a trie of 1 to 1 units, found a size of 1073741823");
  expect(unit(4) + unit(0) + "a\xFF",
         "map: expected replacements in UTF-8, found an invalid byte at position 1");
  const std::uint32_t has_value = 1U << 8U;
  expect(unit(4) + unit(has_value | 7U << 10U), "map: unit 0: expected its value below 1, found it at 7");
  expect(unit(8) + unit(has_value | 1U << 10U) + unit(1U << 31U | 4U) + "abc",
         "map: unit 1: expected the start of a character below 3, found 4");
  expect(unit(8) + unit(has_value | 1U << 10U) + unit(1U << 31U | 1U) + "é",
         "map: unit 1: expected the start of a character below 2, found 1");
  expect(unit(8) + unit(has_value | 1U << 10U) + unit(1U << 31U) + std::string(1001, 'a'),
         "map: unit 1: expected a replacement of at most 1000 bytes, found a longer one");
  const json fields = {{"map", "Zg"}};
  EXPECT_THAT([&] { CharMap::from_json(base::JsonFields(fields, "normalizer"), "map"); },
              ThrowsMessage<base::FormatError>("normalizer: map: expected bytes in Base64, found \"Zg\""));
}

/// Looks up random parts; a sanitizer sees what lies out of bounds.
void look_up(const CharMap& map, base::Random& random) {
  for (int i = 0; i < 200; ++i) {
    std::string part(1 + random.below(6), '\0');
    for (char& byte : part) byte = static_cast<char>(random.below(256));
    ASSERT_LE(map.find(part).value_or("").size(), CharMap::kLongestReplacement);
  }
}

TEST(CharMapTest, CutOrChangedMapsAreRefusedOrStayWithinTheirBounds) {
  const std::string blob = fixture_blob();
  base::Random random(/*seed=*/1);
  for (std::size_t size = 0; size < blob.size(); ++size) {
    std::string changed = blob;
    changed[size] = static_cast<char>(random.below(256));
    for (const std::string& bytes : {blob.substr(0, size), changed}) {
      try {
        look_up(CharMap(bytes, "map"), random);
      } catch (const base::FormatError&) {
      }
    }
  }
}

TEST(CharMapTest, RandomUnitsAreRefusedOrStayWithinTheirBounds) {
  base::Random random(/*seed=*/2);
  for (int round = 0; round < 3000; ++round) {
    const std::uint64_t num_units = 1 + random.below(300);
    std::string blob = unit(static_cast<std::uint32_t>(4 * num_units));
    // Small offsets and known labels, so that look-ups go on.
    for (std::uint64_t i = 0; i < num_units; ++i) {
      blob += unit(static_cast<std::uint32_t>(random.below(512) << 10U | random.below(256) |
                                              (random.below(8) == 0 ? 1U << 31U : 0U)));
    }
    try {
      look_up(CharMap(blob + "abc", "map"), random);
    } catch (const base::FormatError&) {
    }
  }
}

}  // namespace
}  // namespace kdqat::text
