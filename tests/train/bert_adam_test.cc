#include "kdqat/train/bert_adam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "tests/support/tensors.h"
#include "tests/train/named_parameter.h"

namespace kdqat::train {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using tests::all_within;
using tests::random_tensor;
using tests::same;

constexpr std::int64_t kTotal = 20;

TEST(ScheduledLearningRateTest, RisesOverTheWarmUpAndFallsToZero) {
  const BertAdamConfig config{.learning_rate = 2.0, .warmup_proportion = 0.1};
  const auto rate = [&](std::int64_t update) { return scheduled_learning_rate(config, update, 100); };
  EXPECT_EQ(rate(0), 0.0);
  EXPECT_DOUBLE_EQ(rate(1), 2.0 * 0.01 / 0.1);
  EXPECT_DOUBLE_EQ(rate(5), 1.0);
  EXPECT_DOUBLE_EQ(rate(9), 2.0 * 0.09 / 0.1);
  EXPECT_DOUBLE_EQ(rate(10), 2.0);  // no longer below the warm-up's end
  EXPECT_DOUBLE_EQ(rate(55), 1.0);
  EXPECT_NEAR(rate(99), 2.0 * 0.01 / 0.9, 1e-15);
}

TEST(ScheduledLearningRateTest, WithoutAWarmUpBeginsAtThePeak) {
  const BertAdamConfig config{.learning_rate = 2.0, .warmup_proportion = 0.0};
  EXPECT_EQ(scheduled_learning_rate(config, 0, 10), 2.0);
  EXPECT_EQ(scheduled_learning_rate(config, 5, 10), 1.0);
}

/// Parameters of the kinds that the optimizer tells apart.
struct Parameters {
  torch::Tensor weight = random_tensor(1, {5, 4}).requires_grad_();
  torch::Tensor bias = random_tensor(2, {5}).requires_grad_();
  torch::Tensor norm = random_tensor(3, {4}).requires_grad_();

  std::vector<model::NamedParameter> named() {
    return {named_parameter("bert.encoder.layer.0.output.dense.weight", weight),
            named_parameter("bert.encoder.layer.0.output.dense.bias", bias),
            named_parameter("bert.encoder.layer.0.output.LayerNorm.weight", norm)};
  }

  std::vector<torch::Tensor*> all() { return {&weight, &bias, &norm}; }
};

/// One parameter of the formula, in double.
struct Expected {
  explicit Expected(const torch::Tensor& parameter, double weight_decay_)
      : w(parameter.detach().to(torch::kFloat64).clone()),
        m(torch::zeros_like(w)),
        v(torch::zeros_like(w)),
        weight_decay(weight_decay_) {}

  void update(const torch::Tensor& gradient, double learning_rate) {
    const torch::Tensor unclipped = gradient.to(torch::kFloat64);
    const torch::Tensor g = unclipped * std::min(1.0, 1.0 / (unclipped.norm().item<double>() + 1e-6));
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w = w - learning_rate * (m / (v.sqrt() + 1e-6) + weight_decay * w);
  }

  torch::Tensor w;
  torch::Tensor m;
  torch::Tensor v;
  double weight_decay;
};

TEST(BertAdamTest, UpdatesFollowTheFormulaWithClippingATensorAndDecayOfWeightsAlone) {
  Parameters parameters;
  BertAdam optimizer({.learning_rate = 1e-2}, parameters.named(), kTotal);
  std::vector<Expected> expected = {Expected(parameters.weight, 0.01), Expected(parameters.bias, 0.0),
                                    Expected(parameters.norm, 0.0)};
  for (std::int64_t update = 0; update < 6; ++update) {
    EXPECT_EQ(optimizer.updates(), update);
    const double rate = scheduled_learning_rate({.learning_rate = 1e-2}, update, kTotal);
    EXPECT_EQ(optimizer.learning_rate(), rate);
    for (std::size_t i = 0; i < 3; ++i) {
      // Norms of about 13, 0.1 and 3: the first and the last are clipped, each by its own.
      const double spread = std::vector{5.0, 0.05, 3.0}[i];
      torch::Tensor& parameter = *parameters.all()[i];
      const auto seed = static_cast<std::uint64_t>(10 * update) + i;
      parameter.mutable_grad() = random_tensor(seed, parameter.sizes().vec(), -spread, spread);
      expected[i].update(parameter.grad(), rate);
    }
    optimizer.update();
    for (std::size_t i = 0; i < 3; ++i) {
      // Six steps of up to 3 learning rates, each of a few float roundings: 1e-6 of 0.2.
      EXPECT_TRUE(all_within(*parameters.all()[i], expected[i].w, 1e-6)) << update << ", " << i;
      EXPECT_TRUE(all_within(optimizer.slots()[i].first_moment, expected[i].m, 1e-6));
      EXPECT_TRUE(all_within(optimizer.slots()[i].second_moment, expected[i].v, 1e-6));
    }
  }
}

TEST(BertAdamTest, EverySettingTakesPart) {
  torch::Tensor weight = torch::tensor({{4.0F}}).requires_grad_();
  BertAdam optimizer({.learning_rate = 0.5,
                      .warmup_proportion = 0.0,
                      .weight_decay = 0.125,
                      .beta1 = 0.5,
                      .beta2 = 0.75,
                      .epsilon = 0.25,
                      .max_gradient_norm = 2.0},
                     {named_parameter("classifier.weight", weight)}, kTotal);
  weight.mutable_grad() = torch::tensor({{8.0F}});  // clipped to 2
  optimizer.update();
  // m = 0.5 * 2, v = 0.25 * 4
  EXPECT_NEAR(weight.item<double>(), 4.0 - 0.5 * (1.0 / (1.0 + 0.25) + 0.125 * 4.0), 1e-6);
}

TEST(BertAdamTest, AnUpdateDropsTheGradientsAndAMissingOneIsZero) {
  Parameters parameters;
  BertAdam optimizer({}, parameters.named(), kTotal);
  for (torch::Tensor* parameter : parameters.all()) parameter->mutable_grad() = torch::ones_like(*parameter);
  optimizer.update();
  const torch::Tensor moment = optimizer.slots()[0].first_moment.clone();
  for (torch::Tensor* parameter : parameters.all()) EXPECT_FALSE(parameter->grad().defined());
  optimizer.update();
  EXPECT_TRUE(all_within(optimizer.slots()[0].first_moment, 0.9 * moment, 1e-7));
}

/// A table under two optimizers: its gradients sparse for one, dense for the other.
class SparseAndDense {
 public:
  /// The same update for both, at some rows.
  void update(const std::vector<std::int64_t>& rows) {
    const torch::Tensor values =
        random_tensor(seed_++, {static_cast<std::int64_t>(rows.size()), 7}, -3.0, 3.0);
    const torch::Tensor gradient =
        torch::sparse_coo_tensor(torch::tensor(rows).unsqueeze(0), values, {9, 7})._coalesced_(true);
    sparse.mutable_grad() = gradient;
    dense.mutable_grad() = gradient.to_dense();
    of_sparse.update();
    of_dense.update();
  }

  torch::Tensor sparse = random_tensor(1, {9, 7}).requires_grad_();
  torch::Tensor dense = random_tensor(1, {9, 7}).requires_grad_();
  BertAdam of_sparse{
      {.learning_rate = 1e-2}, {named_parameter("bert.embeddings.word_embeddings.weight", sparse)}, kTotal};
  BertAdam of_dense{
      {.learning_rate = 1e-2}, {named_parameter("bert.embeddings.word_embeddings.weight", dense)}, kTotal};

 private:
  std::uint64_t seed_ = 10;
};

// Other rows each time, so that rows without a gradient have moments; both ends of the table with and without
// one.
const std::vector<std::vector<std::int64_t>> kTouchedRows = {{0, 3, 4, 8}, {3, 4}, {0, 3}, {7, 8}};

TEST(BertAdamTest, ASparseGradientIsTheDenseOne) {
  SparseAndDense tables;
  for (const std::vector<std::int64_t>& rows : kTouchedRows) {
    tables.update(rows);
    tables.of_sparse.catch_up();
    EXPECT_TRUE(same(tables.sparse.detach(), tables.dense.detach()));
    EXPECT_TRUE(same(tables.of_sparse.slots()[0].first_moment, tables.of_dense.slots()[0].first_moment));
    EXPECT_TRUE(same(tables.of_sparse.slots()[0].second_moment, tables.of_dense.slots()[0].second_moment));
  }
}

TEST(BertAdamTest, RowsThatFellBehindCatchUpToTheSameBits) {
  SparseAndDense tables;
  for (const std::vector<std::int64_t>& rows : kTouchedRows) tables.update(rows);
  EXPECT_FALSE(same(tables.sparse.detach(), tables.dense.detach()));
  const torch::Tensor some = torch::tensor({4, 0, 4, 6});
  tables.of_sparse.catch_up(some);
  EXPECT_TRUE(same(tables.sparse.detach().index({some}), tables.dense.detach().index({some})));
  for (const std::vector<std::int64_t>& rows : kTouchedRows) tables.update(rows);
  tables.of_sparse.catch_up();
  EXPECT_TRUE(same(tables.sparse.detach(), tables.dense.detach()));
  EXPECT_TRUE(same(tables.of_sparse.slots()[0].first_moment, tables.of_dense.slots()[0].first_moment));
  EXPECT_TRUE(same(tables.of_sparse.slots()[0].second_moment, tables.of_dense.slots()[0].second_moment));
}

TEST(BertAdamTest, ASparseGradientNeedNotBeCoalesced) {
  SparseAndDense tables;
  const torch::Tensor gradient =
      torch::sparse_coo_tensor(torch::tensor({{3, 1, 3}}), random_tensor(50, {3, 7}), {9, 7});
  tables.sparse.mutable_grad() = gradient;
  tables.dense.mutable_grad() = gradient.to_dense();
  tables.of_sparse.update();
  tables.of_dense.update();
  tables.of_sparse.catch_up();
  EXPECT_TRUE(same(tables.sparse.detach(), tables.dense.detach()));
}

TEST(BertAdamTest, ADenseGradientAfterSparseOnesFindsAllRowsUpToDate) {
  SparseAndDense tables;
  for (const std::vector<std::int64_t>& rows : kTouchedRows) tables.update(rows);
  const torch::Tensor gradient = random_tensor(99, {9, 7});
  tables.sparse.mutable_grad() = gradient.clone();
  tables.dense.mutable_grad() = gradient.clone();
  tables.of_sparse.update();
  tables.of_dense.update();
  EXPECT_TRUE(same(tables.sparse.detach(), tables.dense.detach()));
}

TEST(BertAdamTest, AGradientThatIsNotFiniteChangesNothing) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Parameters parameters;
    BertAdam optimizer({.learning_rate = 1.0, .warmup_proportion = 0.0}, parameters.named(), kTotal);
    const torch::Tensor before = parameters.weight.detach().clone();
    for (torch::Tensor* parameter : parameters.all())
      parameter->mutable_grad() = torch::ones_like(*parameter);
    parameters.norm.mutable_grad()[2] = bad;
    EXPECT_THAT([&] { optimizer.update(); },
                ThrowsMessage<base::NumericError>(HasSubstr(
                    "update 0: gradient of 'bert.encoder.layer.0.output.LayerNorm.weight': expected finite "
                    "values, found a norm of")));
    EXPECT_TRUE(same(parameters.weight.detach(), before));
    EXPECT_TRUE(same(optimizer.slots()[0].first_moment, torch::zeros({5, 4})));
    EXPECT_EQ(optimizer.updates(), 0);
  }
}

}  // namespace
}  // namespace kdqat::train
