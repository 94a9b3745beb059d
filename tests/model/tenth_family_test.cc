// A family that kdqat does not know, added as families/<family>.cc adds one.

#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/model/pretrained.h"
#include "tests/model/checkpoint_directory.h"
#include "tests/support/tensors.h"

namespace kdqat::model {
namespace {

using encoder::Role;

void read_toy(const encoder::ConfigReader& config, encoder::EncoderSpec& spec) {
  config.read_bert_fields(spec);
  spec.type_vocab_size = config.token_types("kinds", 1, 1);
}

/// BERT under other names.
const encoder::Family& toy_family() {
  static const encoder::Family family{.model_type = "toy",
                                      .architecture = "ToyForSequenceClassification",
                                      .prefixes = {"toy."},
                                      .modules = {{Role::kWordEmbeddings, "toy.words"},
                                                  {Role::kPositionEmbeddings, "toy.positions"},
                                                  {Role::kTokenTypeEmbeddings, "toy.kinds"},
                                                  {Role::kEmbeddingsNorm, "toy.norm"},
                                                  {Role::kQuery, "toy.*.qkv", 0, 3},
                                                  {Role::kKey, "toy.*.qkv", 1, 3},
                                                  {Role::kValue, "toy.*.qkv", 2, 3},
                                                  {Role::kAttentionOutput, "toy.*.out"},
                                                  {Role::kAttentionNorm, "toy.*.first_norm"},
                                                  {Role::kIntermediate, "toy.*.up"},
                                                  {Role::kOutput, "toy.*.down"},
                                                  {Role::kOutputNorm, "toy.*.second_norm"},
                                                  {Role::kHeadDense, "dense"},
                                                  {Role::kClassifier, "classes"}},
                                      .ignored = {},
                                      .read = read_toy};
  return family;
}

TEST(TenthFamilyTest, ComputesWhatBertComputesUnderOtherNames) {
  encoder::register_family(toy_family());
  Classifier bert = tests::load_tiny_bert("teacher.safetensors");
  CheckpointDirectory directory;
  directory.config["model_type"] = "toy";
  directory.config["kinds"] = 2;
  directory.tensors.clear();
  encoder::EncoderConfig config = bert.config();
  config.family = &toy_family();
  for (const NamedParameter& parameter : named_parameters(bert.weights(), config)) {
    torch::Tensor& tensor = directory.tensors[parameter.tensor_name];
    tensor = tensor.defined() ? torch::cat({tensor, *parameter.tensor}) : *parameter.tensor;
  }
  const torch::NoGradGuard no_grad;
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  Classifier toy = load_classifier(directory.write()).classifier;
  EXPECT_TRUE(tests::same(toy.forward(batch).logits, bert.forward(batch).logits));
  EXPECT_EQ(encoder::to_json(toy.config())["architectures"][0], "ToyForSequenceClassification");
  EXPECT_THROW(encoder::register_family(toy_family()), base::InvalidArgument);
}

}  // namespace
}  // namespace kdqat::model
