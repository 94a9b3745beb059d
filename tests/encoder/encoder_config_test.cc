#include "kdqat/encoder/encoder_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"
#include "tests/format/safetensors_file.h"

namespace kdqat::encoder {
namespace {

using base::FormatError;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

/// The required fields and no other.
json small_config() {
  return {{"vocab_size", 120},        {"hidden_size", 32},       {"num_hidden_layers", 2},
          {"num_attention_heads", 4}, {"intermediate_size", 64}, {"max_position_embeddings", 16}};
}

class EncoderConfigTest : public ::testing::Test {
 protected:
  EncoderConfig read_text(const std::string& text) const {
    test::write_bytes(path_, text);
    return read_encoder_config(path_);
  }
  EncoderConfig read(const json& file) const { return read_text(file.dump()); }

  /// small_config() with the fields of `patch`.
  EncoderConfig read_patched(const json& patch) const {
    json file = small_config();
    file.update(patch);
    return read(file);
  }

  std::string where() const { return path_.string() + ": "; }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "config.json";
};

TEST_F(EncoderConfigTest, ReadsEveryField) {
  const EncoderConfig config = read(json{{"vocab_size", 1},
                                         {"hidden_size", 6},
                                         {"num_hidden_layers", 3},
                                         {"num_attention_heads", 2},
                                         {"intermediate_size", 5},
                                         {"max_position_embeddings", 7},
                                         {"type_vocab_size", 4},
                                         {"layer_norm_eps", 1e-5},
                                         {"hidden_dropout_prob", 0.25},
                                         {"attention_probs_dropout_prob", 0},
                                         {"initializer_range", 0.5},
                                         {"pad_token_id", 0},
                                         {"id2label", {{"0", "no"}, {"1", "yes"}}}});
  EXPECT_EQ(config.vocab_size, 1);
  EXPECT_EQ(config.hidden_size, 6);
  EXPECT_EQ(config.num_hidden_layers, 3);
  EXPECT_EQ(config.num_attention_heads, 2);
  EXPECT_EQ(config.head_size(), 3);
  EXPECT_EQ(config.intermediate_size, 5);
  EXPECT_EQ(config.max_position_embeddings, 7);
  EXPECT_EQ(config.type_vocab_size, 4);
  EXPECT_EQ(config.layer_norm_eps, 1e-5);
  EXPECT_EQ(config.dropout.output, 0.25);
  EXPECT_EQ(config.dropout.sa_output, 0.25);
  EXPECT_EQ(config.dropout.embeddings, 0.25);
  EXPECT_EQ(config.head.dropout, 0.25);
  EXPECT_EQ(config.dropout.attention_map, 0.0);
  EXPECT_EQ(config.initializer_range, 0.5);
  EXPECT_EQ(config.pad_token_id, 0);
  EXPECT_EQ(config.num_labels, 2);
  EXPECT_THAT(config.labels, ElementsAre("no", "yes"));
}

TEST_F(EncoderConfigTest, AnAbsentOrNullFieldHasHuggingFacesDefault) {
  for (const json& patch : {json::object(), json{{"type_vocab_size", nullptr},
                                                 {"layer_norm_eps", nullptr},
                                                 {"hidden_dropout_prob", nullptr},
                                                 {"pad_token_id", nullptr},
                                                 {"model_type", nullptr},
                                                 {"id2label", nullptr},
                                                 {"num_labels", nullptr},
                                                 {"architectures", nullptr}}}) {
    const EncoderConfig config = read_patched(patch);
    EXPECT_EQ(config.type_vocab_size, 2);
    EXPECT_EQ(config.layer_norm_eps, 1e-12);
    EXPECT_EQ(config.dropout.output, 0.1);
    EXPECT_EQ(config.dropout.attention_map, 0.1);
    EXPECT_EQ(config.initializer_range, 0.02);
    EXPECT_EQ(config.pad_token_id, 0);
    EXPECT_EQ(config.num_labels, 0);
    EXPECT_THAT(config.labels, IsEmpty());
  }
}

TEST_F(EncoderConfigTest, LabelsStandInTheOrderOfTheirIds) {
  json id2label;
  for (int id = 0; id < 12; ++id) id2label[std::to_string(id)] = std::string(1, static_cast<char>('a' + id));
  EXPECT_THAT(read_patched({{"id2label", id2label}}).labels,
              ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"));
}

TEST_F(EncoderConfigTest, NumLabelsAloneNamesTheLabels) {
  EXPECT_THAT(read_patched({{"num_labels", 3}}).labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  const EncoderConfig regression = read_patched({{"num_labels", 1}});
  EXPECT_EQ(regression.num_labels, 1);
  EXPECT_THAT(regression.labels, ElementsAre("LABEL_0"));
}

TEST_F(EncoderConfigTest, AnotherNumberOfLabelsGoesBeforeTheirNamesAsInTransformers) {
  EXPECT_THAT(read_patched({{"num_labels", 3}, {"id2label", {{"0", "a"}, {"1", "b"}}}}).labels,
              ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
}

TEST_F(EncoderConfigTest, AClassifierWithoutLabelsHasTwo) {
  EXPECT_THAT(read_patched({{"architectures", {"BertForSequenceClassification"}}}).labels,
              ElementsAre("LABEL_0", "LABEL_1"));
  EXPECT_EQ(read_patched({{"architectures", {"BertForSequenceClassification", "BertModel"}}}).num_labels, 2);
}

TEST_F(EncoderConfigTest, AnotherArchitectureWithoutLabelsHasNoClassifier) {
  EXPECT_EQ(read_patched({{"architectures", {"BertModel"}}}).num_labels, 0);
  EXPECT_EQ(read_patched({{"architectures", json::array()}}).num_labels, 0);
}

TEST_F(EncoderConfigTest, WhatIsWrittenReadsTheSame) {
  EncoderConfig config = read_patched({{"id2label", {{"0", "no"}, {"1", "yes"}}}, {"own_field", {1, 2}}});
  config.labels = {"a", "b", "c"};
  config.num_labels = 3;
  const json written = to_json(config);
  const EncoderConfig again = read(written);
  EXPECT_EQ(again.labels, config.labels);
  EXPECT_EQ(again.num_labels, 3);
  EXPECT_EQ(to_json(again), written);
  EXPECT_EQ(written["own_field"], json({1, 2}));
}

TEST_F(EncoderConfigTest, WritesAClassifierAsHuggingFaceReadsIt) {
  EncoderConfig config = read_patched({{"architectures", {"BertModel"}}, {"model_type", "bert"}});
  config.labels = {"no", "yes"};
  config.num_labels = 2;
  const json written = to_json(config);
  EXPECT_EQ(written["architectures"], json::array({"BertForSequenceClassification"}));
  EXPECT_EQ(written["model_type"], "bert");
  EXPECT_EQ(written["id2label"], json({{"0", "no"}, {"1", "yes"}}));
  EXPECT_EQ(written["label2id"], json({{"no", 0}, {"yes", 1}}));
  EXPECT_EQ(written["num_labels"], 2);
}

TEST_F(EncoderConfigTest, WritesARegressionWithoutLabels) {
  EncoderConfig config;
  config.num_labels = 1;
  EXPECT_EQ(to_json(config)["id2label"], json({{"0", "LABEL_0"}}));
}

TEST_F(EncoderConfigTest, WritesFewerLabelsThanTheSourceHad) {
  EncoderConfig config = read_patched({{"id2label", {{"0", "a"}, {"1", "b"}, {"2", "c"}}}});
  config.labels = {"x"};
  config.num_labels = 1;
  EXPECT_EQ(to_json(config)["id2label"], json({{"0", "x"}}));
  EXPECT_EQ(to_json(config)["label2id"], json({{"x", 0}}));
}

TEST_F(EncoderConfigTest, AnEncoderWithoutClassifierKeepsItsArchitecture) {
  const json written = to_json(read_patched({{"architectures", {"BertModel"}}, {"label2id", {{"a", 0}}}}));
  EXPECT_EQ(written["architectures"], json::array({"BertModel"}));
  EXPECT_FALSE(written.contains("num_labels"));
  EXPECT_FALSE(written.contains("id2label"));
  EXPECT_FALSE(written.contains("label2id"));
}

TEST_F(EncoderConfigTest, AMissingFileIsNamed) {
  EXPECT_THAT([&] { read_encoder_config(path_); },
              ThrowsMessage<base::IoError>(where() + "cannot open: No such file or directory"));
}

TEST_F(EncoderConfigTest, WhatIsNoJsonObjectIsNamed) {
  EXPECT_THAT([&] { read_text("[1]"); },
              ThrowsMessage<FormatError>(where() + "expected a JSON object, found an array of 1 values"));
  EXPECT_THAT([&] { read_text(""); },
              ThrowsMessage<FormatError>(where() + "expected JSON in UTF-8, found a syntax error at byte 0"));
}

TEST_F(EncoderConfigTest, EachRequiredFieldIsMissed) {
  const json complete = small_config();
  for (const auto& [name, value] : complete.items()) {
    json file = complete;
    file.erase(name);
    EXPECT_THAT([&] { read(file); },
                ThrowsMessage<FormatError>(::testing::AllOf(
                    ::testing::StartsWith(where() + name + ": expected an integer from 1 to "),
                    ::testing::EndsWith(", found no such field"))));
  }
}

struct BadField {
  std::string name;
  json patch;           ///< what is wrong in an otherwise right file
  std::string message;  ///< after the file's path
};

std::ostream& operator<<(std::ostream& stream, const BadField& bad) { return stream << bad.name; }

class BadEncoderConfigTest : public EncoderConfigTest, public ::testing::WithParamInterface<BadField> {};

TEST_P(BadEncoderConfigTest, IsRefusedWithFieldExpectedAndFound) {
  EXPECT_THAT([&] { read_patched(GetParam().patch); },
              ThrowsMessage<FormatError>(where() + GetParam().message));
}

const auto kNameOfCase = [](const auto& info) { return info.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Sizes, BadEncoderConfigTest,
    ::testing::Values(
        BadField{"Text",
                 {{"vocab_size", "120"}},
                 "vocab_size: expected an integer from 1 to 10000000, found \"120\""},
        BadField{"Fraction",
                 {{"hidden_size", 32.0}},
                 "hidden_size: expected an integer from 1 to 65536, found 32.0"},
        BadField{"Null",
                 {{"hidden_size", nullptr}},
                 "hidden_size: expected an integer from 1 to 65536, found null"},
        BadField{"Zero",
                 {{"num_hidden_layers", 0}},
                 "num_hidden_layers: expected an integer from 1 to 1024, found 0"},
        BadField{"Negative",
                 {{"max_position_embeddings", -5}},
                 "max_position_embeddings: expected an integer from 1 to 1000000, found -5"},
        BadField{"Vocabulary",
                 {{"vocab_size", 10'000'001}},
                 "vocab_size: expected an integer from 1 to 10000000, found 10000001"},
        BadField{"Width",
                 {{"hidden_size", 65'540}},
                 "hidden_size: expected an integer from 1 to 65536, found 65540"},
        BadField{"Layers",
                 {{"num_hidden_layers", 1025}},
                 "num_hidden_layers: expected an integer from 1 to 1024, found 1025"},
        BadField{"Heads",
                 {{"num_attention_heads", 1025}},
                 "num_attention_heads: expected an integer from 1 to 1024, found 1025"},
        BadField{"Intermediate",
                 {{"intermediate_size", 1'000'001}},
                 "intermediate_size: expected an integer from 1 to 1000000, found 1000001"},
        BadField{"Positions",
                 {{"max_position_embeddings", 1'000'001}},
                 "max_position_embeddings: expected an integer from 1 to 1000000, found 1000001"},
        BadField{"TokenTypes",
                 {{"type_vocab_size", 1025}},
                 "type_vocab_size: expected an integer from 1 to 1024, found 1025"},
        BadField{"SixtyFourBits",
                 {{"vocab_size", ~std::uint64_t{0}}},
                 "vocab_size: expected an integer from 1 to 10000000, found 18446744073709551615"},
        BadField{"AllParameters",
                 {{"vocab_size", 10'000'000}, {"hidden_size", 65'536}},
                 "expected sizes that make at most 10000000000 parameters, found about 694034038912"},
        BadField{"HeadsThatDoNotDivide",
                 {{"num_attention_heads", 5}},
                 "num_attention_heads: expected a divisor of hidden_size (32), found 5"},
        BadField{"PaddingOutsideOfTheVocabulary",
                 {{"pad_token_id", 120}},
                 "pad_token_id: expected an integer from 0 to 119, found 120"}),
    kNameOfCase);

INSTANTIATE_TEST_SUITE_P(
    Numbers, BadEncoderConfigTest,
    ::testing::Values(
        BadField{"DropoutOfOne",
                 {{"hidden_dropout_prob", 1}},
                 "hidden_dropout_prob: expected a number of at least 0 and below 1, found 1"},
        BadField{"NegativeDropout",
                 {{"attention_probs_dropout_prob", -0.1}},
                 "attention_probs_dropout_prob: expected a number of at least 0 and below 1, found -0.1"},
        BadField{"TextAsDropout",
                 {{"hidden_dropout_prob", "0.1"}},
                 "hidden_dropout_prob: expected a number, found \"0.1\""},
        BadField{
            "EpsilonOfZero", {{"layer_norm_eps", 0}}, "layer_norm_eps: expected a number above 0, found 0"},
        BadField{"TextAsEpsilon",
                 {{"layer_norm_eps", "1e-12"}},
                 "layer_norm_eps: expected a number, found \"1e-12\""},
        BadField{"NegativeInitializerRange",
                 {{"initializer_range", -1.0}},
                 "initializer_range: expected a number above 0, found -1.0"}),
    kNameOfCase);

INSTANTIATE_TEST_SUITE_P(
    Architecture, BadEncoderConfigTest,
    ::testing::Values(BadField{"ModelType",
                               {{"model_type", "albert"}},
                               "model_type: expected one of bert roberta xlm-roberta camembert distilbert "
                               "electra mpnet modernbert "
                               "deberta-v2, found \"albert\""},
                      BadField{
                          "NumberAsModelType", {{"model_type", 1}}, "model_type: expected a string, found 1"},
                      BadField{"Activation",
                               {{"hidden_act", "mish"}},
                               "hidden_act: expected one of gelu gelu_python gelu_new gelu_fast "
                               "gelu_pytorch_tanh relu silu swish tanh, "
                               "found \"mish\""},
                      BadField{"Positions",
                               {{"position_embedding_type", "relative_key"}},
                               "position_embedding_type: expected \"absolute\", found \"relative_key\""},
                      BadField{"Decoder", {{"is_decoder", true}}, "is_decoder: expected false, found true"},
                      BadField{"NumberAsDecoder", {{"is_decoder", 0}}, "is_decoder: expected false, found 0"},
                      BadField{"TextAsArchitectures",
                               {{"architectures", "BertModel"}},
                               "architectures: expected an array of strings, found \"BertModel\""},
                      BadField{"NumberAmongArchitectures",
                               {{"architectures", {"BertModel", 1}}},
                               "architectures: expected an array of strings, found an array of 2 values"}),
    kNameOfCase);

INSTANTIATE_TEST_SUITE_P(
    Labels, BadEncoderConfigTest,
    ::testing::Values(
        BadField{"NumLabelsOfZero",
                 {{"num_labels", 0}},
                 "num_labels: expected an integer from 1 to 100000, found 0"},
        BadField{"TooMany",
                 {{"num_labels", 100'001}},
                 "num_labels: expected an integer from 1 to 100000, found 100001"},
        BadField{"Array",
                 {{"id2label", json::array({"a", "b"})}},
                 "id2label: expected an object of labels, found an array of 2 values"},
        BadField{
            "None", {{"id2label", json::object()}}, "id2label: expected from 1 to 100000 labels, found 0"},
        BadField{"IdMissing",
                 {{"id2label", {{"0", "a"}, {"2", "b"}}}},
                 "id2label: expected the ids 0 to 1, found '2'"},
        BadField{"IdWithALeadingZero",
                 {{"id2label", {{"0", "a"}, {"01", "b"}}}},
                 "id2label: expected the ids 0 to 1, found '01'"},
        BadField{
            "IdNoNumber", {{"id2label", {{"yes", "1"}}}}, "id2label: expected the ids 0 to 0, found 'yes'"},
        BadField{
            "IdNegative", {{"id2label", {{"-1", "a"}}}}, "id2label: expected the ids 0 to 0, found '-1'"},
        BadField{"NumberAsLabel", {{"id2label", {{"0", 5}}}}, "id2label: '0': expected a string, found 5"}),
    kNameOfCase);

}  // namespace
}  // namespace kdqat::encoder
