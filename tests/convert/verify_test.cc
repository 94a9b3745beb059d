#include "kdqat/convert/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/file.h"
#include "kdqat/convert/pack.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/simd/instruction_set.h"
#include "tests/convert/student_directory.h"

namespace kdqat::convert {
namespace {

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() : student_(nlohmann::json{{"weight_bits", 2}}) {
    pack(student_.path(), student_.packed());
    model::Classifier classifier = model::load_classifier(student_.path()).classifier;
    task_.labels.clear();
    for (std::int64_t c = 0; c < classifier.config().num_labels; ++c)
      task_.labels.push_back(std::to_string(c));
    for (std::int64_t i = 0; i < 40; ++i) {
      text::Encoding sentence;
      for (std::int64_t k = 0; k <= i % 9; ++k) {
        sentence.input_ids.push_back(
            static_cast<std::int32_t>((11 * i + 7 * k) % classifier.config().vocab_size));
        sentence.token_type_ids.push_back(0);
      }
      dataset_.encodings.push_back(std::move(sentence));
      dataset_.labels.push_back(static_cast<double>(i % classifier.config().num_labels));
    }
  }

  nlohmann::json report(const VerifyLimits& limits = {}) {
    model::Classifier classifier = model::load_classifier(student_.path()).classifier;
    return verify({.student = classifier,
                   .packed = student_.packed(),
                   .task = task_,
                   .dataset = dataset_,
                   .limits = limits});
  }

  StudentDirectory student_;
  data::Task task_;
  data::Dataset dataset_;
};

TEST_F(VerifyTest, APackedStudentIsItsStudentOnEveryInstructionSet) {
  const nlohmann::json result = report();
  EXPECT_TRUE(result.at("passed"));
  EXPECT_EQ(result.at("examples"), 40);
  EXPECT_TRUE(result.at("codes").at("different").empty());
  EXPECT_EQ(result.at("runtime").size(), simd::available_instruction_sets().size());
  for (const auto& [set, path] : result.at("runtime").items()) {
    EXPECT_EQ(path.at("different_labels"), 0) << set;
    EXPECT_EQ(path.at("score"), result.at("training").at("score")) << set;
    EXPECT_EQ(path.at("mcnemar_p"), 1.0) << set;
  }
}

TEST_F(VerifyTest, LimitsDecide) { EXPECT_FALSE(report({.logit_difference = -1.0}).at("passed")); }

TEST_F(VerifyTest, AnotherCodeIsFoundByItsTensor) {
  std::string bytes = base::read_file(student_.packed());
  const format::SafetensorsFile file(student_.packed());
  const std::string name = "bert.encoder.layer.0.output.dense.weight.codes";
  const auto offset =
      static_cast<std::size_t>(reinterpret_cast<const char*>(file.tensor(name).bytes.data()) -
                               reinterpret_cast<const char*>(file.tensors().front().bytes.data()));
  const std::size_t start = bytes.size() - [&] {
    std::size_t data = 0;
    for (const format::TensorView& view : file.tensors()) data += view.bytes.size();
    return data;
  }();
  char& byte = bytes[start + offset];
  byte = static_cast<char>((byte & 3) == 0 ? byte | 1 : byte & ~3);
  base::write_file_atomically(student_.packed(), bytes);
  const nlohmann::json result = report();
  EXPECT_FALSE(result.at("passed"));
  EXPECT_EQ(result.at("codes").at("different"), nlohmann::json::array({name}));
}

}  // namespace
}  // namespace kdqat::convert
