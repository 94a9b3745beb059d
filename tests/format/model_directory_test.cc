#include "kdqat/format/model_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"
#include "tests/format/safetensors_file.h"

namespace kdqat::format {
namespace {

using base::FormatError;
using base::IoError;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

class ModelDirectoryTest : public ::testing::Test {
 protected:
  void put(const std::string& name) const { test::write_bytes(directory_ / name, "x"); }
  std::string where() const { return directory_.path().string() + ": "; }

  const test::TemporaryDirectory directory_;
};

TEST_F(ModelDirectoryTest, FindsConfigAndWeights) {
  put("config.json");
  put("model.safetensors");
  EXPECT_EQ(find_config(directory_.path()), directory_ / "config.json");
  EXPECT_EQ(find_weights(directory_.path()), directory_ / "model.safetensors");
}

TEST_F(ModelDirectoryTest, PrefersSafetensorsToOtherForms) {
  put("model.safetensors");
  put("pytorch_model.bin");
  put("model.safetensors.index.json");
  EXPECT_EQ(find_weights(directory_.path()), directory_ / "model.safetensors");
}

TEST_F(ModelDirectoryTest, NamesADirectoryThatIsMissing) {
  const std::filesystem::path missing = directory_ / "missing";
  const std::string expected = missing.string() + ": cannot open: No such file or directory";
  EXPECT_THAT([&] { find_config(missing); }, ThrowsMessage<IoError>(expected));
  EXPECT_THAT([&] { find_weights(missing); }, ThrowsMessage<IoError>(expected));
}

TEST_F(ModelDirectoryTest, NamesAFileInPlaceOfADirectory) {
  put("model.bin");
  const std::filesystem::path file = directory_ / "model.bin";
  const std::string expected = file.string() + ": expected a model directory, found a file";
  EXPECT_THAT([&] { find_config(file); }, ThrowsMessage<IoError>(expected));
  EXPECT_THAT([&] { find_weights(file); }, ThrowsMessage<IoError>(expected));
}

TEST_F(ModelDirectoryTest, NamesTheFileThatIsMissing) {
  EXPECT_THAT([&] { find_config(directory_.path()); },
              ThrowsMessage<FormatError>(where() +
                                         "expected a model directory with config.json, found no such file"));
  EXPECT_THAT([&] { find_weights(directory_.path()); },
              ThrowsMessage<FormatError>(
                  where() + "expected a model directory with model.safetensors, found no such file"));
}

TEST_F(ModelDirectoryTest, TellsHowToConvertAPickle) {
  put("pytorch_model.bin");
  EXPECT_THAT([&] { find_weights(directory_.path()); },
              ThrowsMessage<FormatError>(AllOf(
                  StartsWith(where() + "expected model.safetensors, found pytorch_model.bin; to convert it"),
                  HasSubstr("python3 -c"), HasSubstr("torch.load('pytorch_model.bin'"))));
}

TEST_F(ModelDirectoryTest, FindsTheIndexOfShards) {
  put("model.safetensors.index.json");
  EXPECT_EQ(find_weights(directory_.path()), directory_ / "model.safetensors.index.json");
  put("model.safetensors");
  EXPECT_EQ(find_weights(directory_.path()), directory_ / "model.safetensors");
}

TEST_F(ModelDirectoryTest, TellsHowToMergeAnAdapter) {
  put("adapter_model.safetensors");
  EXPECT_THAT([&] { find_weights(directory_.path()); },
              ThrowsMessage<FormatError>(
                  AllOf(StartsWith(where() + "expected the weights of a whole model, found a LoRA adapter"),
                        HasSubstr("merge_and_unload()"))));
}

}  // namespace
}  // namespace kdqat::format
