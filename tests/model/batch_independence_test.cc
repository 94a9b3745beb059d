// A batch is its sentences one by one: nothing is padded and, with a scale a token, nothing is shared.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::model {
namespace {

using distill::Loss;
using tests::all_within;

/// Sentence `b` of a batch as a batch of its own.
data::Batch sentence_of(const data::Batch& batch, std::size_t b) {
  const std::int64_t first = batch.cu_seqlens[b];
  const std::int64_t last = batch.cu_seqlens[b + 1];
  return {.input_ids = batch.input_ids.slice(0, first, last),
          .token_type_ids = batch.token_type_ids.slice(0, first, last),
          .position_ids = batch.position_ids.slice(0, first, last),
          .first_tokens = torch::zeros({1}, torch::kInt64),
          .cu_seqlens = {0, last - first},
          .labels = batch.labels.slice(0, static_cast<std::int64_t>(b), static_cast<std::int64_t>(b) + 1)};
}

/// The sentences' signals end to end.
Signals joined(const std::vector<Signals>& parts) {
  const auto join = [&](const auto& of_part) {
    std::vector<torch::Tensor> tensors;
    for (const Signals& part : parts) tensors.push_back(of_part(part));
    return torch::cat(tensors);
  };
  Signals result;
  result.logits = join([](const Signals& part) { return part.logits; });
  for (const auto list : {&Signals::hidden_states, &Signals::attention_scores, &Signals::attention_map,
                          &Signals::context, &Signals::sa_output, &Signals::attention_output}) {
    for (std::size_t i = 0; i < (parts[0].*list).size(); ++i) {
      (result.*list).push_back(join([&](const Signals& part) { return (part.*list)[i]; }));
    }
  }
  return result;
}

void expect_close(const Signals& actual, const Signals& expected) {
  // Products of another number of rows may add in another order: some roundings of values up to 10.
  constexpr double kTolerance = 1e-5;
  EXPECT_TRUE(all_within(actual.logits, expected.logits, kTolerance));
  for (const auto list : {&Signals::hidden_states, &Signals::attention_scores, &Signals::attention_map,
                          &Signals::context, &Signals::sa_output, &Signals::attention_output}) {
    ASSERT_EQ((actual.*list).size(), (expected.*list).size());
    for (std::size_t i = 0; i < (actual.*list).size(); ++i) {
      EXPECT_TRUE(all_within((actual.*list)[i], (expected.*list)[i], kTolerance)) << i;
    }
  }
}

TEST(BatchIndependenceTest, SignalsOfABatchAreThoseOfItsSentences) {
  const torch::NoGradGuard no_grad;
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  for (const int bits : {2, 4, 8, 32}) {
    for (const quant::Form form : {quant::Form::kPlain, quant::Form::kFused}) {
      SCOPED_TRACE(base::concat(bits, form == quant::Form::kPlain ? " bits, plain" : " bits, fused"));
      const Classifier student = tests::load_tiny_bert(
          "student.safetensors", tests::tiny_quantization(bits, format::ActivationGranularity::kToken));
      std::vector<Signals> parts;
      for (std::size_t b = 0; b < 5; ++b)
        parts.push_back(student.forward(sentence_of(batch, b), {.dropout = {}, .form = form}));
      expect_close(joined(parts), student.forward(batch, {.dropout = {}, .form = form}));
    }
  }
}

TEST(BatchIndependenceTest, AScaleATensorCouplesTheSentences) {
  const torch::NoGradGuard no_grad;
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  const Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2));
  const torch::Tensor alone = student.forward(sentence_of(batch, 0)).logits;
  EXPECT_FALSE(all_within(alone, student.forward(batch).logits.slice(0, 0, 1), 1e-4));
}

/// Share of sentence `b` in a loss of its batch: each loss is a mean over something else.
double share_of(Loss loss, const data::Batch& batch, std::size_t b) {
  const auto length = static_cast<double>(batch.cu_seqlens[b + 1] - batch.cu_seqlens[b]);
  switch (loss) {
    case Loss::kGroundTruth:
    case Loss::kLogit:
    case Loss::kAttentionMap:
      return 1.0 / static_cast<double>(batch.sentences());
    case Loss::kAttentionScore: {
      double pairs = 0.0;
      for (std::size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
        const auto n = static_cast<double>(batch.cu_seqlens[i] - batch.cu_seqlens[i - 1]);
        pairs += n * n;
      }
      return length * length / pairs;
    }
    default:
      return length / static_cast<double>(batch.tokens());
  }
}

/// Two models whose losses have a gradient in the second, activations in floating point.
struct Models {
  Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  Classifier student =
      tests::load_tiny_bert("student.safetensors", format::QuantizationConfig{.activation_bits = 32});
  distill::LayerSelection layers;

  torch::Tensor loss(Loss which, const data::Batch& batch) {
    student.set_requires_grad(true);
    const Signals of_teacher = teacher.forward(batch);
    const Signals of_student = student.forward(batch);
    const distill::LossInputs inputs{of_teacher, of_student, layers};
    return distill::compute_loss(which, inputs, batch.labels, 1.0).total;
  }

  std::map<std::string, torch::Tensor> take_gradients() {
    std::map<std::string, torch::Tensor> gradients;
    for (const NamedParameter& parameter : student.parameters()) {
      gradients[parameter.name] = tests::dense_gradient(*parameter.tensor).clone();
      parameter.tensor->mutable_grad() = torch::Tensor();
    }
    return gradients;
  }
};

TEST(BatchIndependenceTest, GradientsOfABatchAreTheSharesOfItsSentences) {
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  Models models;
  for (const Loss loss : distill::kLosses) {
    SCOPED_TRACE(name_of(loss));
    models.loss(loss, batch).backward();
    const auto of_batch = models.take_gradients();
    for (std::size_t b = 0; b < 5; ++b) {
      (models.loss(loss, sentence_of(batch, b)) * share_of(loss, batch, b)).backward();
    }
    for (const auto& [name, gradient] : models.take_gradients()) {
      // The order of sums differs, in forward and backward: 1e-5 of the norm; 1e-7 where only rounding is
      // left.
      EXPECT_LE((gradient - of_batch.at(name)).norm().item<double>(),
                1e-5 * of_batch.at(name).norm().item<double>() + 1e-7)
          << name;
    }
  }
}

}  // namespace
}  // namespace kdqat::model
