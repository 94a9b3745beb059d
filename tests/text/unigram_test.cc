#include "kdqat/text/unigram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/text/model_fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

json letters() {
  return json::parse(R"({"type": "Unigram", "unk_id": 0,
                         "vocab": [["<unk>", 0.0], ["a", -1], ["b", -3.0], ["ab", -2.0], ["abb", -5.5]]})");
}

TEST(UnigramTest, GivesWhatHuggingFaceGives) {
  const json records = read_json_fixture("unigram.json");
  ASSERT_EQ(records.size(), 9U);
  for (const json& record : records) expect_record(record);
}

TEST(UnigramTest, TheGreatestSumOfScoresWins) {
  const auto model = model_of(letters());
  EXPECT_EQ(describe_pieces("ab", *model), "3,0,2");         // -2 > -1 - 3
  EXPECT_EQ(describe_pieces("abb", *model), "3,0,2 2,2,3");  // -2 - 3 > -5.5
  EXPECT_EQ(describe_pieces("axxb", *model), "1,0,1 0,1,3 2,3,4");
}

TEST(UnigramTest, LongWordsTakeLinearTime) {
  const auto pieces = pieces_of(std::string(1'000'000, 'a'), *model_of(letters()));
  ASSERT_EQ(pieces.size(), 1'000'000U);
  EXPECT_EQ(pieces.back(), (Piece{1, 999'999, 1'000'000}));
}

TEST(UnigramTest, ACharacterWithoutATokenIsNamedIfThereIsNoUnknownToken) {
  json fields = letters();
  fields["unk_id"] = nullptr;
  const auto model = model_of(fields);
  EXPECT_EQ(describe_pieces("ab", *model), "3,0,2");
  EXPECT_THAT([&] { pieces_of("aéb", *model); },
              ThrowsMessage<base::InvalidArgument>(
                  "tokenizer: 'é': expected a character of the vocabulary, since it has no unknown token "
                  "(unk_id), found another"));
}

TEST(UnigramTest, AnEmptyVocabularyIsOneWithoutAnyToken) {
  const auto model = model_of({{"type", "Unigram"}, {"vocab", json::array()}});
  EXPECT_EQ(describe_pieces("", *model), "");
  EXPECT_EQ(describe_pieces("a", *model), "error");
}

TEST(UnigramTest, WrongFieldsAreNamed) {
  const auto expect = [](const char* pointer, const json& value, const std::string& message) {
    json fields = letters();
    fields[json::json_pointer(pointer)] = value;
    EXPECT_THAT([&] { model_of(fields); }, ThrowsMessage<base::FormatError>(message));
  };
  expect("/unk_id", 5, "model: unk_id: expected an integer from 0 to 4, found 5");
  expect("/unk_id", -1, "model: unk_id: expected an integer from 0 to 4, found -1");
  expect("/unk_id", "0", "model: unk_id: expected an integer from 0 to 4, found \"0\"");
  expect("/byte_fallback", 1, "model: byte_fallback: expected true or false, found 1");
  expect("/vocab", nullptr, "model: vocab: expected an array of [token, score], found null");
  expect("/vocab", json::object(), "model: vocab: expected an array of [token, score], found an object");
  expect("/vocab/1", "a", "model: vocab[1]: expected [token, score], found \"a\"");
  expect("/vocab/1", json::array({"a"}),
         "model: vocab[1]: expected [token, score], found an array of 1 values");
  expect("/vocab/1/0", 1, "model: vocab[1]: expected [token, score], found an array of 2 values");
  expect("/vocab/1/0", std::string(1001, 'a'),
         "model: vocab[1]: expected a token of at most 1000 bytes, found 1001");
  expect("/vocab/1/1", "1", "model: vocab[1]: expected [token, score], found an array of 2 values");
}

}  // namespace
}  // namespace kdqat::text
