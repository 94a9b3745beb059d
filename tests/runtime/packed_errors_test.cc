// Files that are no packed model of this version, or a damaged one: an error that names file and tensor.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/runtime/engine.h"
#include "tests/base/temporary_directory.h"
#include "tests/runtime/packed_file.h"

namespace kdqat::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class PackedErrorsTest : public ::testing::Test {
 protected:
  void expect_refused(const std::string& message) const {
    const std::filesystem::path path = file_.write(directory_.path() / "student.safetensors");
    EXPECT_THAT([&] { Engine engine(path); }, ThrowsMessage<base::FormatError>(AllOf(
                                                  HasSubstr("student.safetensors"), HasSubstr(message))));
  }

  PackedFile::Tensor& tensor(const std::string& name) { return file_.tensors.at(name); }

  test::TemporaryDirectory directory_;
  PackedFile file_;
};

TEST_F(PackedErrorsTest, TheFileItselfIsRead) {
  EXPECT_NO_THROW(Engine(file_.write(directory_.path() / "student.safetensors")));
}

TEST_F(PackedErrorsTest, AnotherFormatOrVersion) {
  file_.metadata_changes = {{"version", "2"}};
  expect_refused("expected version 1 of the packed format, found '2'");
  file_.metadata_changes = {{"format", "pt"}};
  expect_refused("expected a packed model (kdqat pack writes one)");
}

TEST_F(PackedErrorsTest, MetadataThatIsNoJsonOrLacksFields) {
  file_.metadata_changes = {{"config", "{"}};
  expect_refused("metadata: config");
  file_.metadata_changes = {{"config", R"({"vocab_size": 3})"}};
  expect_refused("metadata: config: kdqat: expected an object");
  file_.metadata_changes = {
      {"config", R"({"vocab_size": 3, "kdqat": {"quantization": {}, "max_seq_length": 10}})"}};
  expect_refused("metadata: config: hidden_size");
  file_.metadata_changes = {{"tokenizer", "[]"}};
  expect_refused("vocabulary");
}

TEST_F(PackedErrorsTest, AConfigThatTheTensorsDoNotFit) {
  file_.header.config["num_hidden_layers"] = 3;
  expect_refused("tensor 'bert.encoder.layer.2.attention.self.query.weight.codes'");
  file_.header.config["num_hidden_layers"] = 2;
  file_.header.config["intermediate_size"] = 80;
  expect_refused(
      "tensor 'bert.encoder.layer.0.intermediate.dense.weight.codes': expected U8 [5, 3, 64], found U8 "
      "[4, 3, 64]");
}

TEST_F(PackedErrorsTest, AMissingTensor) {
  file_.tensors.erase("bert.pooler.dense.bias");
  expect_refused("'bert.pooler.dense.bias'");
}

TEST_F(PackedErrorsTest, ATensorOfAnotherType) {
  PackedFile::Tensor& bias = tensor("classifier.bias");
  bias.dtype = format::DType::kI32;
  expect_refused("tensor 'classifier.bias': expected F32 [3], found I32 [3]");
}

TEST_F(PackedErrorsTest, AValueThatIsNotFinite) {
  const float value = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(tensor("bert.encoder.layer.1.output.dense.weight.scales").bytes.data(), &value, sizeof(value));
  expect_refused("tensor 'bert.encoder.layer.1.output.dense.weight.scales': expected finite values");
}

TEST_F(PackedErrorsTest, FieldsThatStandForNoCode) {
  tensor("bert.encoder.layer.0.output.dense.weight.codes").bytes[70] = std::byte{0xFF};
  expect_refused(
      "tensor 'bert.encoder.layer.0.output.dense.weight.codes': expected fields that stand for codes");
}

TEST_F(PackedErrorsTest, BytesOfTheWordEmbeddingThatStandForNoCodes) {
  tensor("bert.embeddings.word_embeddings.weight.codes").bytes[11] = std::byte{243};
  expect_refused("tensor 'bert.embeddings.word_embeddings.weight.codes': expected bytes up to 242");
}

TEST_F(PackedErrorsTest, MoreTokensThanRowsOfTheEmbedding) {
  PackedFile::Tensor& vocabulary = tensor("vocabulary");
  const std::string more = "more\n";
  for (const char byte : more) vocabulary.bytes.push_back(static_cast<std::byte>(byte));
  vocabulary.shape[0] += static_cast<std::int64_t>(more.size());
  expect_refused("tensor 'vocabulary': expected at most 12 tokens, the rows of the embedding, found 13");
}

TEST_F(PackedErrorsTest, AQuantizationThatCantRun) {
  file_.header.config["kdqat"]["quantization"]["activation_granularity"] = "tensor";
  expect_refused("activations of 8 with a scale a token");
  file_.header.config["kdqat"]["quantization"] = {{"weight_bits", 32}};
  expect_refused("expected weights of 2, 4 or 8 bits");
}

TEST_F(PackedErrorsTest, EveryTruncationIsRefused) {
  const std::filesystem::path path = file_.write(directory_.path() / "student.safetensors");
  const std::string whole = base::read_file(path);
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    base::write_file_atomically(path, std::string_view(whole).substr(0, size));
    EXPECT_THROW(Engine engine(path), base::FormatError) << size;
  }
}

}  // namespace
}  // namespace kdqat::runtime
