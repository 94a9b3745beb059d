// Losses and their gradients against the paper's reference implementation (fixtures/tiny-bert). 1e-4
// relative: see forward_test.cc.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tiny_bert.h"

namespace kdqat::tests {
namespace {

constexpr double kRelative = 1e-4;

using distill::Loss;

/// One batch through both models.
struct Step {
  model::Classifier teacher;
  model::Classifier student;
  data::Batch batch;
  model::Signals teacher_signals;
  model::Signals student_signals;
  distill::LayerSelection layers;
  quant::Form form;

  Step(const format::QuantizationConfig& quantization, quant::Form form_, const std::string& batch_file)
      : teacher(load_tiny_bert("teacher.safetensors")),
        student(load_tiny_bert("student.safetensors", quantization)),
        batch(load_tiny_batch(batch_file)),
        form(form_) {
    {
      const torch::NoGradGuard no_grad;
      teacher_signals = teacher.forward(batch, {.dropout = {}, .form = form});
    }
    student.set_requires_grad(true);
    student_signals = student.forward(batch, {.dropout = {}, .form = form});
  }

  distill::LossInputs inputs() const {
    return {.teacher = teacher_signals, .student = student_signals, .layers = layers, .form = form};
  }

  torch::Tensor loss(Loss which) const {
    return distill::compute_loss(which, inputs(), batch.labels, /*temperature=*/1.0).total;
  }
};

torch::Tensor dense(const torch::Tensor& gradient) {
  return gradient.is_sparse() ? gradient.to_dense() : gradient;
}

double global_gradient_norm(model::Classifier& classifier) {
  double squares = 0.0;
  for (const model::NamedParameter& parameter : classifier.parameters()) {
    const torch::Tensor gradient = parameter.tensor->grad();
    if (gradient.defined()) squares += std::pow(dense(gradient).norm().item<double>(), 2);
  }
  return std::sqrt(squares);
}

class LossParityTest : public ::testing::TestWithParam<std::tuple<int, quant::Form>> {};

TEST_P(LossParityTest, LossesAndTheirGradientNormsAreTheReferences) {
  const auto [bits, form] = GetParam();
  const nlohmann::json expected = read_json(tiny_bert_file("losses-" + suffix_of(bits) + ".json"));
  for (const Loss loss : distill::kLosses) {
    // The file has the cross entropies' sum over its two sentences; ours is their mean.
    const bool ground_truth = loss == Loss::kGroundTruth;
    const std::string name = ground_truth ? "ground_truth_sum" : std::string(name_of(loss));
    SCOPED_TRACE(name);
    Step step(tiny_quantization(bits), form, "batch.safetensors");
    const torch::Tensor value = step.loss(loss) * (ground_truth ? 2.0 : 1.0);
    value.backward();
    const double expected_value = expected.at(name);
    const double expected_norm = expected.at("grad_norm." + name);
    EXPECT_NEAR(value.item<double>(), expected_value, kRelative * expected_value);
    EXPECT_NEAR(global_gradient_norm(step.student), expected_norm, kRelative * expected_norm);
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, LossParityTest,
                         ::testing::Combine(::testing::Values(2, 4, 8, 32),
                                            ::testing::Values(quant::Form::kPlain, quant::Form::kFused)));

class GradientParityTest : public ::testing::TestWithParam<std::tuple<int, quant::Form>> {};

TEST_P(GradientParityTest, UnifiedGradientsAreTheReferences) {
  const auto [bits, form] = GetParam();
  const auto expected = read_tensors(tiny_bert_file("unified-gradients-" + suffix_of(bits) + ".safetensors"));
  Step step(tiny_quantization(bits), form, "batch.safetensors");
  distill::compute_objective({}, step.inputs(), step.batch.labels).total.backward();
  for (const model::NamedParameter& parameter : step.student.parameters()) {
    SCOPED_TRACE(parameter.name);
    const torch::Tensor& reference = expected.at(parameter.name);
    const torch::Tensor gradient = parameter.tensor->grad();
    const torch::Tensor actual = gradient.defined() ? dense(gradient) : torch::zeros_like(reference);
    // Softmax ignores a shift of its row, so key.bias has a gradient of rounding errors only: hence the
    // absolute 1e-7.
    EXPECT_LT((actual - reference).norm().item<double>(), kRelative * reference.norm().item<double>() + 1e-7);
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, GradientParityTest,
                         ::testing::Combine(::testing::Values(2, 32),
                                            ::testing::Values(quant::Form::kPlain, quant::Form::kFused)));

class RaggedParityTest : public ::testing::TestWithParam<std::tuple<int, quant::Form>> {};

TEST_P(RaggedParityTest, SentencesOfSeveralLengthsGiveTheFormulasLosses) {
  const auto [bits, form] = GetParam();
  const std::string file = bits == 2 ? "ragged-losses-w2a8-token.json" : "ragged-losses-w32a32.json";
  const nlohmann::json expected = read_json(tiny_bert_file(file)).at("losses");
  const Step step(tiny_quantization(bits, format::ActivationGranularity::kToken), form,
                  "ragged-batch.safetensors");
  for (const Loss loss : distill::kLosses) {
    SCOPED_TRACE(name_of(loss));
    const double expected_value = expected.at(std::string(name_of(loss)));
    EXPECT_NEAR(step.loss(loss).item<double>(), expected_value, kRelative * expected_value);
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, RaggedParityTest,
                         ::testing::Combine(::testing::Values(2, 32),
                                            ::testing::Values(quant::Form::kPlain, quant::Form::kFused)));

}  // namespace
}  // namespace kdqat::tests
