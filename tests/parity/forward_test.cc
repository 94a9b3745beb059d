// Signals of the encoder against those of the paper's reference implementation (fixtures/tiny-bert). Both
// compute in float32 with sums in another order: relative differences near 1e-6 a product, some 20 products
// deep; 1e-4 leaves room for that, and not for a code that differs (a step of 8 bits is near 1e-2).

#include <gtest/gtest.h>

#include "tests/support/tiny_bert.h"

namespace kdqat::tests {
namespace {

constexpr double kTolerance = 1e-4;

double largest_difference(const torch::Tensor& actual, const torch::Tensor& expected) {
  return (actual.detach().reshape({-1}) - expected.reshape({-1})).abs().max().item<double>();
}

void expect_signals(const model::Signals& actual, const std::map<std::string, torch::Tensor>& expected) {
  const std::map<std::string, const std::vector<torch::Tensor>*> lists = {
      {"hidden_states", &actual.hidden_states},       {"attention_scores", &actual.attention_scores},
      {"attention_map", &actual.attention_map},       {"sa_output", &actual.sa_output},
      {"attention_output", &actual.attention_output},
  };
  std::size_t compared = 0;
  for (const auto& [name, tensor] : expected) {
    SCOPED_TRACE(name);
    if (name == "logits") {
      EXPECT_LT(largest_difference(actual.logits, tensor), kTolerance);
      ++compared;
      continue;
    }
    const std::string signal = name.substr(0, name.find('.'));
    const std::size_t layer = std::stoul(name.substr(name.find('.') + 1));
    if (signal == "context") {  // [B, H, S, D/H] there, [T, D] here
      const torch::Tensor heads_last = tensor.transpose(1, 2).contiguous();
      EXPECT_LT(largest_difference(actual.context.at(layer), heads_last), kTolerance);
    } else {
      EXPECT_LT(largest_difference(lists.at(signal)->at(layer), tensor), kTolerance);
    }
    ++compared;
  }
  EXPECT_EQ(compared, expected.size());
}

class ForwardParityTest : public ::testing::TestWithParam<std::tuple<int, quant::Form>> {};

TEST_P(ForwardParityTest, StudentGivesTheReferencesSignals) {
  const auto [bits, form] = GetParam();
  const torch::NoGradGuard no_grad;
  const model::Classifier student = load_tiny_bert("student.safetensors", tiny_quantization(bits));
  const model::Signals signals = student.forward(load_tiny_batch(), {.dropout = {}, .form = form});
  expect_signals(signals,
                 read_tensors(tiny_bert_file("student-forward-" + suffix_of(bits) + ".safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Widths, ForwardParityTest,
                         ::testing::Combine(::testing::Values(2, 4, 8, 32),
                                            ::testing::Values(quant::Form::kPlain, quant::Form::kFused)));

class TeacherParityTest : public ::testing::TestWithParam<quant::Form> {};

TEST_P(TeacherParityTest, TeacherGivesTheReferencesSignals) {
  const torch::NoGradGuard no_grad;
  const model::Classifier teacher = load_tiny_bert("teacher.safetensors");
  const model::Signals signals = teacher.forward(load_tiny_batch(), {.dropout = {}, .form = GetParam()});
  expect_signals(signals, read_tensors(tiny_bert_file("teacher-forward.safetensors")));
}

INSTANTIATE_TEST_SUITE_P(Forms, TeacherParityTest,
                         ::testing::Values(quant::Form::kPlain, quant::Form::kFused));

}  // namespace
}  // namespace kdqat::tests
