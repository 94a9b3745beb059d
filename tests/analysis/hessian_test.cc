// Hessian-vector products: symmetric, the derivative of the gradient, and complete.

#include "kdqat/analysis/hessian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "kdqat/analysis/hessian_summary.h"
#include "kdqat/base/error.h"
#include "kdqat/distill/prediction_loss.h"
#include "tests/support/tensors.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

torch::Tensor random_vector(const SymmetricOperator& matrix, std::uint64_t seed) {
  return tests::random_tensor(seed, {matrix.size}).to(matrix.dtype);
}

double dot_product(const torch::Tensor& a, const torch::Tensor& b) { return torch::dot(a, b).item<double>(); }

TEST(HessianTest, IsSymmetric) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  for (const auto granularity :
       {format::ActivationGranularity::kTensor, format::ActivationGranularity::kToken}) {
    model::Classifier student =
        tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2, granularity));
    for (model::Classifier* model : {&teacher, &student}) {
      const Compactor compactor(*model);
      const Hessian hessian(compactor, tests::load_tiny_batch("ragged-batch.safetensors"),
                            {.norm_term = 0.01});
      const SymmetricOperator matrix = hessian.matrix();
      const torch::Tensor u = random_vector(matrix, 1);
      const torch::Tensor v = random_vector(matrix, 2);
      const torch::Tensor hu = matrix.multiply(u);
      EXPECT_NEAR(dot_product(v, hu), dot_product(u, matrix.multiply(v)), 1e-12 * dot_product(hu, hu));
    }
  }
}

/// Gradient of the mean cross entropy plus the norm term over all parameters, in double, with every row of
/// the embeddings: nothing that Hessian does.
class WholeModel {
 public:
  explicit WholeModel(double norm_term)
      : model_(tests::load_tiny_bert("teacher.safetensors")), norm_term_(norm_term) {
    for (const model::NamedParameter& parameter : model_.parameters()) {
      *parameter.tensor = parameter.tensor->to(torch::kFloat64);
      size_ += parameter.tensor->numel();
    }
  }

  std::int64_t size() const { return size_; }

  torch::Tensor gradient_at(const torch::Tensor& step) {
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> before;
    std::int64_t offset = 0;
    for (const model::NamedParameter& parameter : model_.parameters()) {
      const torch::Tensor part = step.slice(0, offset, offset + parameter.tensor->numel());
      offset += parameter.tensor->numel();
      before.push_back(*parameter.tensor);
      *parameter.tensor = (*parameter.tensor + part.view(parameter.tensor->sizes())).requires_grad_();
      parameters.push_back(*parameter.tensor);
    }
    const data::Batch batch = tests::load_tiny_batch();
    torch::Tensor loss = distill::ground_truth_loss(
        model_.forward(batch, {.dropout = {}, .form = quant::Form::kPlain}).logits, batch.labels);
    for (const torch::Tensor& parameter : parameters) {
      if (norm_term_ > 0.0) loss = loss + norm_term_ * parameter.norm();
    }
    loss.backward();
    std::vector<torch::Tensor> gradients;
    for (const torch::Tensor& parameter : parameters) gradients.push_back(parameter.grad().reshape({-1}));
    const std::vector<model::NamedParameter> named = model_.parameters();
    for (std::size_t i = 0; i < named.size(); ++i) *named[i].tensor = before[i];
    return torch::cat(gradients);
  }

 private:
  model::Classifier model_;
  double norm_term_;
  std::int64_t size_ = 0;
};

/// A matrix known by finite differences of WholeModel's gradient.
SymmetricOperator finite_differences(WholeModel& model) {
  return {.size = model.size(), .multiply = [&](const torch::Tensor& v) {
            const double step = 1e-4 / v.norm().item<double>();
            return (model.gradient_at(v * step) - model.gradient_at(v * -step)) / (2 * step);
          }};
}

class WholeHessianTest : public ::testing::TestWithParam<double> {};

TEST_P(WholeHessianTest, HasTheEigenvaluesOfTheGradientsDifferences) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const Compactor compactor(teacher);
  const Hessian hessian(compactor, tests::load_tiny_batch(), {.norm_term = GetParam()});
  WholeModel whole(GetParam());
  EXPECT_EQ(hessian.num_parameters(), whole.size());
  const LanczosResult expected = lanczos(finite_differences(whole), {.tolerance = 1e-6});
  const HessianSummary actual = summarize_hessian(
      hessian, {.lanczos_steps = 100, .density_runs = 0, .trace_samples = 2, .exact_trace_up_to = 0});
  const std::size_t count = expected.ritz_values.size();
  // Steps of 1e-4 leave an error of their square times the third derivatives of the gradient.
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(actual.largest[i], expected.ritz_values[count - 1 - i], 1e-4);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(actual.smallest[i], expected.ritz_values[i], 1e-4);
}

INSTANTIATE_TEST_SUITE_P(NormTerms, WholeHessianTest, ::testing::Values(0.0, 1.0));

TEST(HessianTest, TheNormTermOfLeftOutRowsIsWholeInTrace) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const std::string name = "bert.embeddings.word_embeddings.weight";
  const Compactor compactor(teacher);
  const data::Batch batch = tests::load_tiny_batch();
  const auto trace_with = [&](double norm_term) {
    const Hessian hessian(compactor, batch, {.parameters = {name}, .norm_term = norm_term});
    return summarize_hessian(hessian, {.density_runs = 0}).trace.value;
  };
  const torch::Tensor& embedding = teacher.weights().word_embeddings;
  // The trace of (1 - w w^T / |w|^2) / |w| over n elements is (n - 1) / |w|.
  const double expected = static_cast<double>(embedding.numel() - 1) / embedding.norm().item<double>();
  EXPECT_NEAR(trace_with(1.0) - trace_with(0.0), expected, 1e-4 * expected);
}

TEST(HessianTest, AStudentsIsTheHessianOfItsCodesValues) {
  const auto quantization = tests::tiny_quantization(2);
  model::Classifier student = tests::load_tiny_bert("student.safetensors", quantization);
  // The same without activations' quantization, and as a model in floating point of the codes' values.
  format::QuantizationConfig weights_only = quantization;
  weights_only.activation_bits = 32;
  model::Classifier latent(student.config(), weights_only, student.weights());
  model::Classifier values = model::dequantized(student);
  const Compactor of_latent(latent);
  const Compactor of_values(values);
  const data::Batch batch = tests::load_tiny_batch();
  const Hessian a(of_latent, batch);
  const Hessian b(of_values, batch);
  const torch::Tensor v = random_vector(a.matrix(), 3);
  const torch::Tensor expected = b.matrix().multiply(v);
  EXPECT_TRUE(tests::all_within(a.matrix().multiply(v), expected, 1e-12 * expected.norm().item<double>()));
}

TEST(HessianTest, NothingPassesAClippedWeight) {
  model::Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2));
  student.weights().layers[0].value.weight[0][0] = 3.0F;
  const std::string name = "bert.encoder.layer.0.attention.self.value.weight";
  const Compactor compactor(student);
  const Hessian hessian(compactor, tests::load_tiny_batch(), {.parameters = {name}});
  const SymmetricOperator matrix = hessian.matrix();
  EXPECT_EQ(matrix.multiply(random_vector(matrix, 4))[0].item<double>(), 0.0);
  torch::Tensor unit = torch::zeros({matrix.size}, torch::kFloat64);
  unit[0] = 1.0;
  EXPECT_EQ(matrix.multiply(unit).norm().item<double>(), 0.0);
}

TEST(HessianTest, FloatAndDoubleAgree) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const Compactor compactor(teacher);
  const data::Batch batch = tests::load_tiny_batch();
  const Hessian in_double(compactor, batch);
  const Hessian in_float(compactor, batch, {.dtype = torch::kFloat32});
  const torch::Tensor v = random_vector(in_double.matrix(), 5);
  const torch::Tensor expected = in_double.matrix().multiply(v);
  // Some thousand roundings of 2^-24, not all one way.
  EXPECT_LT((in_float.matrix().multiply(v.to(torch::kFloat32)) - expected).norm().item<double>(),
            1e-5 * expected.norm().item<double>());
}

TEST(HessianTest, EveryDistillationLossHasOne) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  model::Classifier student = tests::load_tiny_bert("student.safetensors", tests::tiny_quantization(2));
  const Compactor of_teacher(teacher);
  const Compactor of_student(student);
  const data::Batch batch = tests::load_tiny_batch("ragged-batch.safetensors");
  for (const distill::Loss loss : distill::kLosses) {
    SCOPED_TRACE(name_of(loss));
    const Hessian hessian(of_student, batch, {.loss = loss}, &of_teacher);
    const SymmetricOperator matrix = hessian.matrix();
    const torch::Tensor u = random_vector(matrix, 6);
    const torch::Tensor v = random_vector(matrix, 7);
    const double there = dot_product(u, matrix.multiply(v));
    EXPECT_NEAR(there, dot_product(v, matrix.multiply(u)), 1e-9 * std::abs(there) + 1e-9);
    EXPECT_NE(there, 0.0);
  }
}

TEST(HessianTest, WhatDoesNotFitIsRefused) {
  model::Classifier teacher = tests::load_tiny_bert("teacher.safetensors");
  const Compactor compactor(teacher);
  data::Batch batch = tests::load_tiny_batch();
  const auto refuse = [&](const HessianOptions& options, const std::string& message) {
    EXPECT_THAT([&] { Hessian(compactor, batch, options); },
                ThrowsMessage<base::InvalidArgument>(HasSubstr(message)));
  };
  refuse({.parameters = {"bert.nothing"}},
         "expected one of the model's, such as "
         "bert.embeddings.word_embeddings.weight, found 'bert.nothing'");
  refuse({.norm_term = -1.0}, "norm term: expected 0 or more, found -1");
  refuse({.loss = distill::Loss::kLogit}, "loss logit: expected a teacher, found none");
  batch.input_ids = batch.input_ids + 120;
  refuse({}, "tokens of the batch: expected 0 to 119, found ");
}

}  // namespace
}  // namespace kdqat::analysis
