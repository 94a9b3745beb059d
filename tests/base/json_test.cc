#include "kdqat/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::base {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

TEST(ParseJsonTest, ReadsADocument) {
  EXPECT_EQ(parse_json(R"( {"a": [1, -2, 0.5, "é", null, true]} )", "x"),
            json({{"a", {1, -2, 0.5, "é", nullptr, true}}}));
}

TEST(ParseJsonTest, RefusesASyntaxErrorAndNamesItsByte) {
  EXPECT_THAT([] { parse_json(R"({"a": ?})", "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON in UTF-8, found a syntax error at byte 6"));
  EXPECT_THAT([] { parse_json("", "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON in UTF-8, found a syntax error at byte 0"));
  EXPECT_THAT([] { parse_json("{} x", "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON in UTF-8, found a syntax error at byte 3"));
}

TEST(ParseJsonTest, RefusesInvalidUtf8) {
  EXPECT_THAT([] { parse_json("\"\xC3(\"", "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON in UTF-8, found a syntax error at byte 2"));
}

TEST(ParseJsonTest, RefusesAZeroByte) {
  EXPECT_THAT([] { parse_json(std::string_view("{}\0{", 4), "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON, found a zero byte at byte 2"));
}

TEST(ParseJsonTest, RefusesANumberThatNoDoubleHolds) {
  EXPECT_THAT([] { parse_json("1e400", "c.json"); },
              ThrowsMessage<FormatError>(
                  "c.json: expected numbers within the range of a double, found a larger one"));
}

TEST(ParseJsonTest, RefusesAKeyTwiceInOneObject) {
  const std::string expected = "c.json: 'a': expected each name once, found it twice";
  EXPECT_THAT([] { parse_json(R"({"a": 1, "b": {"a": 2}, "a": 3})", "c.json"); },
              ThrowsMessage<FormatError>(expected));
  EXPECT_THAT([] { parse_json(R"({"a": 1, "\u0061": 2})", "c.json"); }, ThrowsMessage<FormatError>(expected));
  EXPECT_THAT([] { parse_json(R"([{"b": {"a": 1, "a": 2}}])", "c.json"); },
              ThrowsMessage<FormatError>(expected));
}

TEST(ParseJsonTest, AKeyMayComeBackInAnotherObject) {
  EXPECT_NO_THROW(parse_json(R"({"a": {"a": 1}, "b": {"a": {}}, "c": [{"a": 1}, {"a": 2}]})", "c.json"));
}

TEST(ParseJsonTest, RefusesDeepNesting) {
  const std::string expected = "c.json: expected JSON nested at most 2 deep, found more";
  EXPECT_NO_THROW(parse_json(R"({"a": [1]})", "c.json", 2));
  EXPECT_THAT([] { parse_json(R"({"a": [[]]})", "c.json", 2); }, ThrowsMessage<FormatError>(expected));
  EXPECT_THAT([] { parse_json(R"({"a": [{}]})", "c.json", 2); }, ThrowsMessage<FormatError>(expected));
  EXPECT_THAT([] { parse_json(std::string(1'000'000, '['), "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected JSON nested at most 64 deep, found more"));
}

TEST(ReadJsonFileTest, NamesTheFile) {
  const test::TemporaryDirectory directory;
  const std::string path = (directory / "c.json").string();
  EXPECT_THAT([&] { read_json_file(path); },
              ThrowsMessage<base::IoError>(path + ": cannot open: No such file or directory"));
  base::write_file_atomically(path, "[1, 2]");
  EXPECT_EQ(read_json_file(path), json({1, 2}));
  base::write_file_atomically(path, "[1, 2");
  EXPECT_THAT([&] { read_json_file(path); },
              ThrowsMessage<FormatError>(path + ": expected JSON in UTF-8, found a syntax error at byte 5"));
}

TEST(QuoteTest, StaysShortAndOnOneLine) {
  EXPECT_EQ(quote("name"), "'name'");
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("a\nb\x01"), R"('a\nb\u0001')");
  EXPECT_EQ(quote("\xFF"), "'\xEF\xBF\xBD'");  // the replacement character
  EXPECT_EQ(quote(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  EXPECT_EQ(quote(std::string(81, 'x')), "'" + std::string(80, 'x') + "'...");
  // The cut would fall into the two bytes of the last character.
  EXPECT_EQ(quote(std::string(79, 'x') + "é"), "'" + std::string(79, 'x') + "'...");
}

TEST(DescribeTest, NamesTheKindOfLargeValuesAndShowsSmallOnes) {
  EXPECT_EQ(describe(json::object({{"a", 1}})), "an object");
  EXPECT_EQ(describe(json::array({1, 2})), "an array of 2 values");
  EXPECT_EQ(describe("te\"xt"), R"("te\"xt")");
  EXPECT_EQ(describe(nullptr), "null");
  EXPECT_EQ(describe(true), "true");
  EXPECT_EQ(describe(-2.5), "-2.5");
  EXPECT_EQ(describe(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

class JsonFieldsTest : public ::testing::Test {
 protected:
  const json object_ = {{"three", 3}, {"half", 0.5},   {"text", "yes"},
                        {"none", {}}, {"huge", ~0ULL}, {"negative", -1}};
  const JsonFields fields_{object_, "c.json"};
};

TEST_F(JsonFieldsTest, RefusesWhatIsNoObject) {
  EXPECT_THAT([] { JsonFields(json::array({1}), "c.json"); },
              ThrowsMessage<FormatError>("c.json: expected a JSON object, found an array of 1 values"));
}

TEST_F(JsonFieldsTest, FindsAFieldUnlessItIsNull) {
  EXPECT_EQ(*fields_.find("three"), 3);
  EXPECT_EQ(fields_.find("none"), nullptr);
  EXPECT_EQ(fields_.find("absent"), nullptr);
}

TEST_F(JsonFieldsTest, ReadsIntegersWithinTheirBounds) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(fields_.integer("three", 3, 3), 3);
  EXPECT_EQ(fields_.integer("negative", -1, kLargest), -1);
  EXPECT_EQ(fields_.integer_or("absent", 1, 2, 7), 7);
  EXPECT_EQ(fields_.integer_or("none", 1, 2, 7), 7);
  const auto expect_refusal = [&](std::string_view name, std::int64_t minimum, std::int64_t maximum,
                                  const std::string& message) {
    EXPECT_THAT([&] { fields_.integer(name, minimum, maximum); }, ThrowsMessage<FormatError>(message));
  };
  expect_refusal("three", 4, 9, "c.json: three: expected an integer from 4 to 9, found 3");
  expect_refusal("three", 1, 2, "c.json: three: expected an integer from 1 to 2, found 3");
  expect_refusal("half", 0, 2, "c.json: half: expected an integer from 0 to 2, found 0.5");
  expect_refusal("text", 0, 2, "c.json: text: expected an integer from 0 to 2, found \"yes\"");
  expect_refusal("none", 0, 2, "c.json: none: expected an integer from 0 to 2, found null");
  expect_refusal("absent", 0, 2, "c.json: absent: expected an integer from 0 to 2, found no such field");
  expect_refusal("huge", -1, 2, "c.json: huge: expected an integer from -1 to 2, found 18446744073709551615");
  EXPECT_THAT([&] { fields_.integer_or("half", 0, 2, 1); },
              ThrowsMessage<FormatError>("c.json: half: expected an integer from 0 to 2, found 0.5"));
}

TEST_F(JsonFieldsTest, ReadsNumbersAndStrings) {
  EXPECT_EQ(fields_.number_or("half", 1.0), 0.5);
  EXPECT_EQ(fields_.number_or("three", 1.0), 3.0);
  EXPECT_EQ(fields_.number_or("none", 1.0), 1.0);
  EXPECT_EQ(fields_.string_or("text", "no"), "yes");
  EXPECT_EQ(fields_.string_or("absent", "no"), "no");
  EXPECT_THAT([&] { fields_.number_or("text", 1.0); },
              ThrowsMessage<FormatError>("c.json: text: expected a number, found \"yes\""));
  EXPECT_THAT([&] { fields_.string_or("three", ""); },
              ThrowsMessage<FormatError>("c.json: three: expected a string, found 3"));
}

TEST_F(JsonFieldsTest, ReadsWhatMayBeAbsentAsNothing) {
  EXPECT_EQ(fields_.optional_number("half"), 0.5);
  EXPECT_EQ(fields_.optional_number("none"), std::nullopt);
  EXPECT_EQ(fields_.optional_integer("three"), 3);
  EXPECT_EQ(fields_.optional_integer("absent"), std::nullopt);
  EXPECT_FALSE(fields_.optional_object("none"));
  EXPECT_THAT([&] { fields_.number("absent"); },
              ThrowsMessage<FormatError>("c.json: absent: expected a number, found no such field"));
  EXPECT_THAT([&] { fields_.optional_integer("half"); },
              ThrowsMessage<FormatError>("c.json: half: expected an integer, found 0.5"));
  EXPECT_THAT([&] { fields_.integer("negative", 0); },
              ThrowsMessage<FormatError>("c.json: negative: expected an integer of at least 0, found -1"));
  EXPECT_THAT([&] { fields_.optional_object("text"); },
              ThrowsMessage<FormatError>("c.json: text: expected an object, found \"yes\""));
}

TEST(JsonListsTest, ObjectsAreNamedByTheirPlace) {
  const json value = {{"tensors", {{{"a", 1}}, {{"a", "x"}}}}, {"mixed", {1}}};
  const JsonFields fields(value, "c.json");
  const std::vector<JsonFields> tensors = fields.objects("tensors");
  ASSERT_EQ(tensors.size(), 2);
  EXPECT_EQ(tensors[0].integer("a"), 1);
  EXPECT_THAT([&] { tensors[1].integer("a"); },
              ThrowsMessage<FormatError>("c.json: tensors[1]: a: expected an integer, found \"x\""));
  EXPECT_THAT([&] { fields.objects("mixed"); },
              ThrowsMessage<FormatError>("c.json: mixed[0]: expected a JSON object, found 1"));
  EXPECT_THAT([&] { fields.objects("none"); },
              ThrowsMessage<FormatError>("c.json: none: expected a list, found no such field"));
}

TEST(JsonListsTest, NumbersOfAnObjectLeaveNullOut) {
  const json value = {{"losses", {{"a", 1}, {"b", 0.5}, {"c", nullptr}}}, {"bad", {{"a", true}}}};
  const JsonFields fields(value, "c.json");
  EXPECT_EQ(fields.numbers("losses"), (std::map<std::string, double>{{"a", 1.0}, {"b", 0.5}}));
  EXPECT_TRUE(fields.numbers("none").empty());
  EXPECT_THAT([&] { fields.numbers("bad"); },
              ThrowsMessage<FormatError>("c.json: bad: a: expected a number, found true"));
}

TEST(JsonListsTest, ListsOfNumbersHaveNaNForNull) {
  const json value = {{"layers", {{"a", {1, nullptr}}}}, {"bad", {{"a", {1, "x"}}}}, {"worse", {{"a", 1}}}};
  const JsonFields fields(value, "c.json");
  const std::vector<double> list = fields.number_lists("layers").at("a");
  ASSERT_EQ(list.size(), 2);
  EXPECT_EQ(list[0], 1.0);
  EXPECT_TRUE(std::isnan(list[1]));
  EXPECT_TRUE(fields.number_lists("none").empty());
  EXPECT_THAT(
      [&] { fields.number_lists("bad"); },
      ThrowsMessage<FormatError>("c.json: bad: a: expected a list of numbers, found an array of 2 values"));
  EXPECT_THAT([&] { fields.number_lists("worse"); },
              ThrowsMessage<FormatError>("c.json: worse: a: expected a list of numbers, found 1"));
}

}  // namespace
}  // namespace kdqat::base
