#include "kdqat/text/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "tests/text/model_fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Optional;
using ::testing::ThrowsMessage;

Tokens tokens_of(const json& vocabulary) {
  const json fields = {{"vocab", vocabulary}};
  return Tokens::from_object(base::JsonFields(fields, "model"), "vocab");
}

TEST(TokensTest, IdsMayComeInAnyOrderAndLeaveHoles) {
  const Tokens tokens = tokens_of({{"b", 0}, {"a", 5}, {"", 2}, {"é", 3}});
  EXPECT_EQ(tokens.size(), 6);
  EXPECT_EQ(tokens.count(), 4);
  EXPECT_EQ(tokens[5], "a");
  EXPECT_EQ(tokens[4], "");
  EXPECT_THAT(tokens.find("a"), Optional(5));
  EXPECT_THAT(tokens.find("é"), Optional(3));
  EXPECT_THAT(tokens.find(""), Optional(2));
  EXPECT_EQ(tokens.find("c"), std::nullopt);
  EXPECT_THAT(tokens.sorted(), testing::ElementsAre(2, 5, 0, 3));
}

TEST(TokensTest, AHoleIsNotFound) { EXPECT_EQ(tokens_of({{"b", 0}, {"a", 2}}).find(""), std::nullopt); }

TEST(TokensTest, OfATokenThatOccursTwiceTheLastIdCounts) {
  const Tokens tokens({"a", "b", "a"});
  EXPECT_THAT(tokens.find("a"), Optional(2));
  EXPECT_EQ(tokens[0], "a");
}

TEST(TokensTest, WrongIdsAreNamed) {
  const auto expect = [](const json& vocabulary, const std::string& message) {
    EXPECT_THAT([&] { tokens_of(vocabulary); }, ThrowsMessage<base::FormatError>(message));
  };
  expect(json::array(),
         "model: vocab: expected an object of tokens and their ids, found an array of 0 values");
  expect({{"a", -1}}, "model: vocab: 'a': expected an id from 0 to 1048576, found -1");
  expect({{"a", "0"}}, "model: vocab: 'a': expected an id from 0 to 1048576, found \"0\"");
  expect({{"a", 0.0}}, "model: vocab: 'a': expected an id from 0 to 1048576, found 0.0");
  expect({{"a", 0}, {"b", 2147483648}},
         "model: vocab: 'b': expected an id from 0 to 1048577, found 2147483648");
  expect({{"a", 18446744073709551615U}},
         "model: vocab: 'a': expected an id from 0 to 1048576, found 18446744073709551615");
  expect({{"a", 1}, {"b\n", 1}}, "model: vocab: 'b\\n': expected an id of its own, found 1, the id of 'a'");
}

TEST(ModelTest, TheTypeMayBeLeftOut) {
  EXPECT_EQ(describe_pieces("ab", *model_of({{"vocab", {{"a", 0}, {"b", 1}}}, {"merges", json::array()}})),
            "0,0,1 1,1,2");
  EXPECT_EQ(describe_pieces("ab", *model_of(json::parse(R"({"vocab": [["a", -1], ["b", -1]]})"))),
            "0,0,1 1,1,2");
  EXPECT_EQ(describe_pieces("ab", *model_of({{"vocab", {{"a", 0}, {"##b", 1}, {"[UNK]", 2}}}})),
            "0,0,1 1,1,2");
}

TEST(ModelTest, AnotherTypeIsNamed) {
  EXPECT_THAT(
      [] {
        model_of({{"type", "WordLevel"}, {"vocab", json::object()}});
      },
      ThrowsMessage<base::FormatError>(
          "model: type: expected WordPiece, BPE or Unigram, found \"WordLevel\""));
}

TEST(ModelTest, OnlyAPlainBpeTakesBytes) {
  json bpe = {{"type", "BPE"}, {"vocab", json::object()}, {"merges", json::array()}};
  EXPECT_TRUE(takes_bytes(base::JsonFields(bpe, "model")));
  const json changes = {{"byte_fallback", true},
                        {"continuing_subword_prefix", "##"},
                        {"end_of_word_suffix", "</w>"},
                        {"type", "WordPiece"}};
  for (const auto& [field, value] : changes.items()) {
    json other = bpe;
    other[field] = value;
    EXPECT_FALSE(takes_bytes(base::JsonFields(other, "model"))) << field;
    EXPECT_THAT([&] { model_of(other, WordForm::kBytes); },
                ThrowsMessage<base::InvalidArgument>(HasSubstr("expected a model that takes bytes")));
  }
}

/// A value of the same or another type in the place of some field of the record.
void damage(json& model, base::Random& random) {
  const std::vector<json> values = {nullptr,       true,          -1, 3, 1e300, "", "é", "##",
                                    json::array(), json::object()};
  const json flat = model.flatten();
  auto field = flat.begin();
  std::advance(field, static_cast<std::ptrdiff_t>(random.below(flat.size())));
  model[json::json_pointer(field.key())] = values[random.below(values.size())];
}

TEST(ModelTest, DamagedModelsAreRefusedOrWork) {
  base::Random random(/*seed=*/1);
  const std::string text = "abc#é中😀<unk>ß";
  for (const char* const file : {"word-piece.json", "bpe.json", "unigram.json"}) {
    for (const json& record : read_json_fixture(file)) {
      for (int round = 0; round < 10; ++round) {
        json fields = record.at("model");
        damage(fields, random);
        try {
          const auto model = model_of(fields);
          describe_pieces(text, *model);
        } catch (const base::FormatError&) {
        }
      }
    }
  }
}

}  // namespace
}  // namespace kdqat::text
