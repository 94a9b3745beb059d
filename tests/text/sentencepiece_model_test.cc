#include "kdqat/text/sentencepiece_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"
#include "kdqat/text/base64.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

using nlohmann::json;
using ::testing::ThrowsMessage;

std::string file_of(const json& record) { return *decode_base64(record.at("file").get<std::string>()); }

json pieces_to_json(const SentencePieceModel& model) {
  json pieces = json::array();
  for (const auto& [piece, score, type] : model.pieces) {
    pieces.push_back({piece, static_cast<double>(score), static_cast<int>(type)});
  }
  return pieces;
}

TEST(SentencePieceModelTest, ReadsWhatSentencepieceWrote) {
  const json records = read_json_fixture("sentencepiece.json");
  ASSERT_EQ(records.size(), 3U);
  for (const json& record : records) {
    const SentencePieceModel model = parse_sentencepiece_model(file_of(record), "model");
    EXPECT_EQ(pieces_to_json(model), record.at("pieces"));
    EXPECT_EQ(static_cast<int>(model.model_type), record.at("model_type"));
    EXPECT_EQ(model.unk_id, record.at("unk_id"));
    EXPECT_EQ(model.unk_piece, record.at("unk_piece"));
    EXPECT_EQ(model.byte_fallback, record.at("byte_fallback"));
    EXPECT_EQ(model.treat_whitespace_as_suffix, record.at("treat_whitespace_as_suffix"));
    EXPECT_EQ(encode_base64(model.precompiled_charsmap), record.at("precompiled_charsmap"));
    EXPECT_EQ(model.add_dummy_prefix, record.at("add_dummy_prefix"));
    EXPECT_EQ(model.remove_extra_whitespaces, record.at("remove_extra_whitespaces"));
    EXPECT_EQ(model.escape_whitespaces, record.at("escape_whitespaces"));
  }
}

TEST(SentencePieceModelTest, MergesAreThoseOfTransformers) {
  for (const json& record : read_json_fixture("sentencepiece.json")) {
    EXPECT_EQ(json(find_merges(parse_sentencepiece_model(file_of(record), "model"))), record.at("merges"));
  }
}

// Fields of Protocol Buffers: number and wire type, then the value.
std::string bytes_field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string varint_field(int number, char value) { return {static_cast<char>(number << 3), value}; }

TEST(SentencePieceModelTest, FieldsMayBeLeftOutOrUnknown) {
  const std::string other = varint_field(9, 1) + "\x49" + "8 bytes." + "\x4D" + "four" + bytes_field(9, "x");
  const auto model = parse_sentencepiece_model(other + bytes_field(1, other + bytes_field(1, "a")), "model");
  ASSERT_EQ(model.pieces.size(), 1U);
  EXPECT_EQ(model.pieces[0].piece, "a");
  EXPECT_EQ(model.pieces[0].score, 0);
  EXPECT_EQ(model.pieces[0].type, SentencePieceModel::PieceType::kNormal);
  EXPECT_EQ(model.model_type, SentencePieceModel::ModelType::kUnigram);
  EXPECT_TRUE(model.add_dummy_prefix && model.remove_extra_whitespaces && model.escape_whitespaces);
}

TEST(SentencePieceModelTest, DamagedModelsAreNamed) {
  const auto expect = [](const std::string& bytes, const std::string& message) {
    EXPECT_THAT([&] { parse_sentencepiece_model(bytes, "m"); }, ThrowsMessage<base::FormatError>(message));
  };
  const std::string piece = bytes_field(1, bytes_field(1, "a"));
  expect("", "m: expected pieces, found none");
  expect("\x80", "m: expected a whole field of Protocol Buffers, found a number cut off");
  expect(std::string(11, '\xFF'), "m: expected a whole field of Protocol Buffers, found a number cut off");
  expect(
      "\x0A\x05"
      "abc",
      "m: field 1: expected 5 bytes, found 3");
  expect("\x0B", "m: field 1: expected a wire type of Protocol Buffers, found 3");
  expect(varint_field(1, 1), "m: field 1: expected bytes, found wire type 0");
  expect(bytes_field(1, varint_field(2, 1)), "m: pieces[0]: field 2: expected a float, found wire type 0");
  expect(bytes_field(1, bytes_field(3, "")), "m: pieces[0]: field 3: expected an integer, found wire type 2");
  expect(bytes_field(1, varint_field(3, 7)), "m: pieces[0]: type: expected a number from 1 to 6, found 7");
  expect(bytes_field(1, bytes_field(1, "\xFF")), "m: pieces[0]: expected UTF-8, found other bytes");
  expect(bytes_field(1, std::string("\x15\x00\x00\x80\x7F", 5)),
         "m: pieces[0]: score: expected a finite number, found inf");
  expect(piece + bytes_field(2, varint_field(3, 5)),
         "m: trainer_spec: type: expected a number from 1 to 4, found 5");
  expect(piece + bytes_field(3, varint_field(2, 5)),
         "m: normalizer_spec: field 2: expected bytes, found wire type 0");
  expect(piece + bytes_field(2, "\xC0\x02\x01"),
         "m: trainer_spec: unk_id: expected an id from 0 to 0, found 1");
}

TEST(SentencePieceModelTest, NegativeNumbersHaveTenBytes) {
  const std::string unk_id = "\xC0\x02" + std::string(9, '\xFF') + "\x01";
  EXPECT_THAT(
      [&] { parse_sentencepiece_model(bytes_field(1, "") + bytes_field(2, unk_id), "m"); },
      ThrowsMessage<base::FormatError>("m: trainer_spec: unk_id: expected an id from 0 to 0, found -1"));
}

TEST(SentencePieceModelTest, CutOrChangedModelsAreRefusedOrRead) {
  base::Random random(/*seed=*/1);
  for (const json& record : read_json_fixture("sentencepiece.json")) {
    const std::string bytes = file_of(record);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(random.below(256));
      for (const std::string& damaged : {bytes.substr(0, i), changed}) {
        try {
          EXPECT_FALSE(parse_sentencepiece_model(damaged, "model").pieces.empty());
        } catch (const base::FormatError&) {
        }
      }
    }
  }
}

}  // namespace
}  // namespace kdqat::text
