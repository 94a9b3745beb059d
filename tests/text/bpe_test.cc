#include "kdqat/text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "tests/text/model_fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

json letters() {
  return {{"type", "BPE"},
          {"vocab", {{"l", 0}, {"o", 1}, {"w", 2}, {"lo", 3}, {"low", 4}, {"ow", 5}}},
          {"merges", {"l o", "lo w", "o w"}}};
}

TEST(BpeTest, GivesWhatHuggingFaceGives) {
  const json records = read_json_fixture("bpe.json");
  ASSERT_EQ(records.size(), 15U);
  for (const json& record : records) {
    expect_record(record, record.at("name") == "bytes" ? WordForm::kBytes : WordForm::kText);
  }
}

TEST(BpeTest, TheFirstMergeOfTheListGoesFirst) {
  json fields = letters();
  EXPECT_EQ(describe_pieces("lowl", *model_of(fields)), "4,0,3 0,3,4");
  fields["merges"] = {"o w", "l o", "lo w"};
  EXPECT_EQ(describe_pieces("lowl", *model_of(fields)), "0,0,1 5,1,3 0,3,4");
}

TEST(BpeTest, WordsAsBytesGiveWhatTheyGiveInByteLevelCharacters) {
  const json fields = {{"vocab", {{"Ġ", 0}, {"a", 1}, {"Ã", 2}, {"©", 3}, {"Ġa", 4}, {"Ã©", 5}}},
                       {"merges", {"Ġ a", "Ã ©"}}};
  EXPECT_EQ(describe_pieces("Ġa", *model_of(fields)), "4,0,3");
  EXPECT_EQ(describe_pieces(" a", *model_of(fields, WordForm::kBytes)), "4,0,2");
  EXPECT_EQ(describe_pieces("Ã©Ã", *model_of(fields)), "5,0,4 2,4,6");
  EXPECT_EQ(describe_pieces("\xC3\xA9\xC3", *model_of(fields, WordForm::kBytes)), "5,0,2 2,2,3");
}

TEST(BpeTest, AWordOfAHundredThousandCharactersIsNoTrouble) {
  // All neighbours have a merge, of eight ranks: a merge that passed over the word each time would take
  // hours.
  json fields = {{"vocab", json::object()}, {"merges", json::array()}};
  std::string token = "a";
  fields["vocab"][token] = 0;
  for (int id = 1; id <= 8; ++id) {
    fields["merges"].push_back({token, token});
    token += token;
    fields["vocab"][token] = id;
  }
  const auto pieces = pieces_of(std::string(100'000, 'a'), *model_of(fields));
  ASSERT_EQ(pieces.size(), 100'000U / 256 + 2);  // 100,000 = 390 x 256 + 128 + 32
  EXPECT_EQ(pieces.front(), (Piece{8, 0, 256}));
  EXPECT_EQ(pieces[390], (Piece{7, 99'840, 99'968}));
  EXPECT_EQ(pieces[391], (Piece{5, 99'968, 100'000}));
}

TEST(BpeTest, ThreadsMayShareAModel) {
  const json record = read_json_fixture("bpe.json").at(0);
  const auto model = model_of(record.at("model"));
  std::array<std::vector<std::string>, 4> results;
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (const auto& word : record.at("words")) {
        result.push_back(describe_pieces(word[0].get<std::string>(), *model));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

TEST(BpeTest, AnyBytesGivePiecesThatCoverThem) {
  json record;
  for (const json& other : read_json_fixture("bpe.json")) {
    if (other.at("name") == "bytes") record = other;
  }
  const auto model = model_of(record.at("model"), WordForm::kBytes);
  base::Random random(/*seed=*/1);
  for (int round = 0; round < 2000; ++round) {
    std::string word(random.below(40), '\0');
    for (char& byte : word) byte = static_cast<char>(random.below(256));
    std::uint32_t end = 0;
    for (const Piece& piece : pieces_of(word, *model)) {
      ASSERT_EQ(piece.begin, end);
      end = piece.end;
    }
    ASSERT_EQ(end, word.size());
  }
}

TEST(BpeTest, WrongFieldsAreNamed) {
  const auto expect = [](const char* field, const json& value, const std::string& message) {
    json fields = letters();
    fields[field] = value;
    EXPECT_THAT([&] { model_of(fields); }, ThrowsMessage<base::FormatError>(message));
  };
  expect("dropout", 0.1, "model: dropout: expected 0, since merges are never left out, found 0.1");
  expect("unk_token", 1, "model: unk_token: expected a string, found 1");
  expect("fuse_unk", 1, "model: fuse_unk: expected true or false, found 1");
  expect("byte_fallback", 1, "model: byte_fallback: expected true or false, found 1");
  expect("ignore_merges", 1, "model: ignore_merges: expected true or false, found 1");
  expect("end_of_word_suffix", 1, "model: end_of_word_suffix: expected a string, found 1");
  expect("merges", "l o", "model: merges: expected an array of merges, found \"l o\"");
  expect("merges", nullptr, "model: merges: expected an array of merges, found null");
  expect("merges", json::parse(R"(["lo"])"), "model: merges[0]: expected two tokens, found \"lo\"");
  expect("merges", json::parse(R"(["l o", "l o w"])"),
         "model: merges[1]: expected two tokens, found \"l o w\"");
  expect("merges", json::parse(R"([["l"]])"),
         "model: merges[0]: expected two tokens, found an array of 1 values");
  expect("merges", json::parse(R"([["l", 1]])"),
         "model: merges[0]: expected two tokens, found an array of 2 values");
  expect("merges", json::parse(R"(["x o"])"), "model: merges[0]: expected tokens of vocab, found 'x'");
  expect("merges", json::parse(R"(["l x"])"), "model: merges[0]: expected tokens of vocab, found 'x'");
  expect("merges", json::parse(R"(["w l"])"), "model: merges[0]: expected tokens of vocab, found 'wl'");
  expect("continuing_subword_prefix", "##",
         "model: merges[0]: expected a token with continuing_subword_prefix at its right, found 'o'");
}

TEST(BpeTest, DropoutOfZeroIsNone) {
  json fields = letters();
  fields["dropout"] = 0.0;
  EXPECT_EQ(describe_pieces("low", *model_of(fields)), "4,0,3");
}

TEST(BpeTest, AnUnknownTokenThatIsMissingIsNamedWhereItIsNeeded) {
  json fields = letters();
  fields["unk_token"] = "<unk>";
  const auto model = model_of(fields);
  EXPECT_EQ(describe_pieces("low", *model), "4,0,3");
  EXPECT_THAT([&] { pieces_of("lox", *model); },
              ThrowsMessage<base::InvalidArgument>(
                  "tokenizer: 'x': expected a character of the vocabulary, since it lacks its unk_token "
                  "'<unk>', found another"));
}

}  // namespace
}  // namespace kdqat::text
