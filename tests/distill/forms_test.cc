// The fused losses against the plain ones in double.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/distill/objective.h"
#include "tests/distill/random_signals.h"

namespace kdqat::distill {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The signals of both models in float32; the student's are leaves.
void make_float(RandomSignals& signals) {
  for (model::Signals* of_model : {&signals.teacher, &signals.student}) {
    for (const auto list :
         {&model::Signals::hidden_states, &model::Signals::attention_scores, &model::Signals::attention_map,
          &model::Signals::context, &model::Signals::sa_output, &model::Signals::attention_output}) {
      for (torch::Tensor& signal : of_model->*list) signal = signal.detach().to(torch::kFloat32);
    }
    of_model->logits = of_model->logits.detach().to(torch::kFloat32);
  }
  for (torch::Tensor* leaf : signals.student_leaves()) leaf->requires_grad_();
}

LossInputs with_form(const RandomSignals& signals, quant::Form form) {
  return {signals.teacher, signals.student, signals.layers, form};
}

void expect_forms_agree(Loss loss, double temperature) {
  SCOPED_TRACE(base::concat(name_of(loss), " at temperature ", temperature));
  RandomSignals plain;
  RandomSignals fused;
  make_float(fused);
  // A probability of the student and one of the teacher below the clamp.
  for (RandomSignals* signals : {&plain, &fused}) {
    const torch::NoGradGuard no_grad;
    signals->student.attention_map[0][3].fill_(1e-9);
    signals->teacher.attention_map[1][5].fill_(0.0);
  }
  const torch::Tensor expected =
      3.0 * compute_loss(loss, with_form(plain, quant::Form::kPlain), {}, temperature).total;
  const torch::Tensor actual =
      3.0 * compute_loss(loss, with_form(fused, quant::Form::kFused), {}, temperature).total;
  EXPECT_NEAR(actual.item<double>(), expected.item<double>(), 1e-5 * std::abs(expected.item<double>()));
  expected.backward();
  actual.backward();
  const std::vector<torch::Tensor*> plain_leaves = plain.student_leaves();
  const std::vector<torch::Tensor*> fused_leaves = fused.student_leaves();
  for (std::size_t i = 0; i < plain_leaves.size(); ++i) {
    const torch::Tensor wanted = tests::dense_gradient(*plain_leaves[i]);
    const double largest = wanted.abs().max().item<double>();
    // Signals and their differences are rounded to float32: some 1e-7 of the largest gradient each.
    EXPECT_TRUE(tests::all_within(tests::dense_gradient(*fused_leaves[i]), wanted, 2e-6 * largest + 1e-12))
        << i;
  }
}

TEST(LossFormsTest, TheFusedFormIsThePlainFormInDouble) {
  for (const Loss loss : {Loss::kHiddenState, Loss::kAttentionScore, Loss::kAttentionMap, Loss::kContext,
                          Loss::kAttentionOutput, Loss::kSaOutput}) {
    expect_forms_agree(loss, 1.0);
  }
  expect_forms_agree(Loss::kAttentionMap, 2.0);
  expect_forms_agree(Loss::kAttentionMap, std::numeric_limits<double>::infinity());
}

TEST(LossFormsTest, TheFusedFormRefusesOtherDtypes) {
  const RandomSignals signals;
  EXPECT_THAT([&] { compute_loss(Loss::kAttentionMap, with_form(signals, quant::Form::kFused), {}, 1.0); },
              ThrowsMessage<base::InvalidArgument>(HasSubstr("expected float32 on a CPU")));
}

}  // namespace
}  // namespace kdqat::distill
