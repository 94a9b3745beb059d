// The fused form of the whole model against the plain one, in training: dropout on, sentences of several
// lengths.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::model {
namespace {

using format::ActivationGranularity;
using format::QuantizationConfig;
using format::WeightGranularity;
using quant::Form;

/// A training step's signals and the gradients of their sum with random weights.
struct Step {
  std::vector<torch::Tensor> signals;
  std::vector<std::pair<std::string, torch::Tensor>> gradients;
};

Step run_step(const QuantizationConfig& quantization, Form form) {
  Classifier student = tests::load_tiny_bert("student.safetensors", quantization);
  tests::set_hidden_dropout(student, 0.1);
  student.config().dropout.attention_map = 0.1;
  student.set_requires_grad(true);
  const Signals signals =
      student.forward(tests::load_tiny_batch("ragged-batch.safetensors"),
                      {.dropout = ForwardOptions::Dropout{.seed = 42, .update = 3}, .form = form});
  Step step{.signals = {signals.logits}, .gradients = {}};
  for (const auto list : {&Signals::hidden_states, &Signals::attention_scores, &Signals::attention_map,
                          &Signals::context, &Signals::sa_output, &Signals::attention_output}) {
    step.signals.insert(step.signals.end(), (signals.*list).begin(), (signals.*list).end());
  }
  torch::Tensor total = torch::zeros({});
  for (std::size_t i = 0; i < step.signals.size(); ++i) {
    total = total + (step.signals[i] * tests::random_tensor(i, step.signals[i].sizes().vec())).sum();
  }
  total.backward();
  for (const NamedParameter& parameter : student.parameters()) {
    step.gradients.emplace_back(parameter.name, tests::dense_gradient(*parameter.tensor));
  }
  return step;
}

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).detach().norm().item<double>();
}

/// `tolerance` is relative to the norm of a signal or gradient.
void expect_forms_agree(const QuantizationConfig& quantization, double tolerance) {
  SCOPED_TRACE(base::concat(quantization.weight_bits, " ", quantization.embedding_bits, " ",
                            quantization.activation_bits, " bits, weights ",
                            name_of(quantization.weight_granularity), ", activations ",
                            name_of(quantization.activation_granularity)));
  const Step plain = run_step(quantization, Form::kPlain);
  const Step fused = run_step(quantization, Form::kFused);
  ASSERT_EQ(plain.signals.size(), 14U);
  for (std::size_t i = 0; i < plain.signals.size(); ++i) {
    EXPECT_LE(distance(fused.signals[i], plain.signals[i]),
              tolerance * plain.signals[i].norm().item<double>())
        << "signal " << i;
  }
  for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
    const auto& [name, expected] = plain.gradients[i];
    EXPECT_LE(distance(fused.gradients[i].second, expected), tolerance * expected.norm().item<double>())
        << name;
  }
}

TEST(FormsTest, WithFloatingPointActivationsBothFormsDifferByRoundingAlone) {
  // Relative differences near 1e-7 a product, some 20 products deep. Codes of weights are the same in both.
  for (const int bits : {2, 4, 8, 32}) {
    for (const WeightGranularity granularity : {WeightGranularity::kTensor, WeightGranularity::kRow}) {
      expect_forms_agree({.weight_bits = bits,
                          .embedding_bits = bits,
                          .activation_bits = 32,
                          .weight_granularity = granularity},
                         1e-5);
    }
  }
}

TEST(FormsTest, With8BitActivationsBothFormsDifferByFewCodes) {
  // Of some 20,000 codes a few lie so close to a half that rounding decides them, and one differs by 1/127 of
  // the largest value. What a wrong scale, mask or operand does is a tenth of the norm and more.
  for (const int bits : {2, 4, 8, 32}) {
    for (const ActivationGranularity granularity :
         {ActivationGranularity::kToken, ActivationGranularity::kTensor}) {
      expect_forms_agree({.weight_bits = bits,
                          .embedding_bits = bits,
                          .activation_bits = 8,
                          .weight_granularity = WeightGranularity::kTensor,
                          .activation_granularity = granularity},
                         2e-2);
    }
  }
}

}  // namespace
}  // namespace kdqat::model
