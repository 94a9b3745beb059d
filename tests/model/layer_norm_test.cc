#include "kdqat/model/layer_norm.h"

#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace kdqat::model {
namespace {

using quant::Form;
using tests::all_within;
using tests::random_tensor;

constexpr double kEpsilon = 1e-12;

/// Leaves of a LayerNorm and the gradient that arrives at it.
struct Problem {
  explicit Problem(torch::ScalarType dtype) : dtype_(dtype) {}

  torch::Tensor leaf(std::uint64_t seed, const std::vector<std::int64_t>& shape) const {
    return random_tensor(seed, shape).to(dtype_).requires_grad_();
  }

  torch::Tensor run(const DropoutMask& dropout, Form form) {
    const torch::Tensor out = layer_norm(x, dropout, residual, parameters, kEpsilon, form);
    out.backward(random_tensor(5, {37, 33}).to(dtype_));
    return out;
  }

  std::vector<torch::Tensor> gradients() const {
    return {x.grad(), residual.grad(), parameters.weight.grad(), parameters.bias.grad()};
  }

 private:
  torch::ScalarType dtype_;

 public:
  torch::Tensor x = leaf(1, {37, 33});
  torch::Tensor residual = leaf(2, {37, 33});
  LayerNorm parameters{.weight = leaf(3, {33}), .bias = leaf(4, {33})};
};

TEST(LayerNormTest, TheFusedFormIsThePlainFormInDouble) {
  for (const DropoutMask& dropout : {DropoutMask{}, draw_dropout({.seed = 9}, 0.3, 37 * 33)}) {
    Problem fused(torch::kFloat32);
    Problem plain(torch::kFloat64);
    // Values near 1, normalized by deviations near 1, in sums of 33 or 37 terms: some tens of roundings of
    // 6e-8.
    EXPECT_TRUE(all_within(fused.run(dropout, Form::kFused), plain.run(dropout, Form::kPlain), 1e-5));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(all_within(fused.gradients()[i], plain.gradients()[i], 2e-5)) << i;
    }
  }
}

TEST(LayerNormTest, ABatchOfOneTokenIsThatTokenInALargerBatch) {
  const torch::NoGradGuard no_grad;
  Problem problem(torch::kFloat32);
  const torch::Tensor all =
      layer_norm(problem.x, {}, problem.residual, problem.parameters, kEpsilon, Form::kFused);
  const torch::Tensor one = layer_norm(problem.x.slice(0, 5, 6), {}, problem.residual.slice(0, 5, 6),
                                       problem.parameters, kEpsilon, Form::kFused);
  EXPECT_TRUE(tests::same(one, all.slice(0, 5, 6)));
}

}  // namespace
}  // namespace kdqat::model
