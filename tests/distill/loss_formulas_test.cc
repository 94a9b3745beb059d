// Every loss against plain loops over its formula.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/distill/attention_loss.h"
#include "kdqat/distill/prediction_loss.h"
#include "kdqat/distill/signal_loss.h"
#include "tests/distill/random_signals.h"

namespace kdqat::distill {
namespace {

using ::testing::ThrowsMessage;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Sums in double of at most a few hundred terms.
void expect_equal(double actual, double expected) {
  EXPECT_NEAR(actual, expected, 1e-12 * std::fabs(expected));
}

double mean_squared_difference(const torch::Tensor& student, const torch::Tensor& teacher) {
  const std::vector<double> s = elements(student);
  const std::vector<double> t = elements(teacher);
  double sum = 0.0;
  for (std::size_t i = 0; i < s.size(); ++i) sum += (s[i] - t[i]) * (s[i] - t[i]);
  return sum / static_cast<double>(s.size());
}

/// body(p, q, n) for every row of every sentence and head: rows of n elements that begin at p and q.
void for_rows(const RandomSignals& signals, const torch::Tensor& first, const torch::Tensor& second,
              const std::function<void(const double*, const double*, std::int64_t)>& body) {
  const auto* p = first.data_ptr<double>();
  const auto* q = second.data_ptr<double>();
  for (std::size_t b = 0; b + 1 < signals.cu_seqlens.size(); ++b) {
    const std::int64_t n = signals.length(b);
    for (std::int64_t row = 0; row < RandomSignals::kHeads * n; ++row, p += n, q += n) body(p, q, n);
  }
}

/// mean over sentences and heads of (1/n_b) sum_ij p^T (log p^T - log p^S), p clamped at 1e-8.
double map_divergence(const RandomSignals& signals, const torch::Tensor& teacher,
                      const torch::Tensor& student) {
  double total = 0.0;
  for_rows(signals, teacher, student, [&](const double* t, const double* s, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) {
      const double p = std::max(t[j], 1e-8);
      total += p * (std::log(p) - std::log(std::max(s[j], 1e-8))) / static_cast<double>(n);
    }
  });
  return total / static_cast<double>(signals.sentences() * RandomSignals::kHeads);
}

/// softmax(scores / temperature) of every row.
torch::Tensor tempered(const RandomSignals& signals, const torch::Tensor& scores, double temperature) {
  std::vector<double> map;
  for_rows(signals, scores, scores, [&](const double* row, const double*, std::int64_t n) {
    double sum = 0.0;
    for (std::int64_t j = 0; j < n; ++j) sum += std::exp(row[j] / temperature);
    for (std::int64_t j = 0; j < n; ++j) map.push_back(std::exp(row[j] / temperature) / sum);
  });
  return torch::tensor(map, torch::kFloat64);
}

/// mean over sentences and heads of 1/(2 n_b^2) sum_ij (d_ij - mean_j d_ij)^2, d = scores^S - scores^T.
double limit_at_infinity(const RandomSignals& signals, const torch::Tensor& teacher,
                         const torch::Tensor& student) {
  double total = 0.0;
  for_rows(signals, teacher, student, [&](const double* t, const double* s, std::int64_t n) {
    double mean = 0.0;
    for (std::int64_t j = 0; j < n; ++j) mean += (s[j] - t[j]) / static_cast<double>(n);
    for (std::int64_t j = 0; j < n; ++j) {
      total += std::pow(s[j] - t[j] - mean, 2) / (2.0 * static_cast<double>(n * n));
    }
  });
  return total / static_cast<double>(signals.sentences() * RandomSignals::kHeads);
}

/// Holds a loss to `term(signal)` for all layers and for each alone. `first` signals belong to no layer: they
/// take part with all of them.
void expect_layers(const std::function<LayerLoss(const LossInputs&)>& loss,
                   const std::function<double(const RandomSignals&, std::size_t)>& term,
                   std::size_t first = 0) {
  RandomSignals signals;
  const std::size_t count = first + RandomSignals::kLayers;
  const LayerLoss all = loss(signals.inputs());
  ASSERT_EQ(all.terms.size(), count);
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    expect_equal(all.terms[i].item<double>(), term(signals, i));
    sum += term(signals, i);
  }
  expect_equal(all.total.item<double>(), sum);
  for (std::int64_t layer = 0; layer < RandomSignals::kLayers; ++layer) {
    signals.layers = {.all = false, .layers = {layer}};
    const LayerLoss one = loss(signals.inputs());
    ASSERT_EQ(one.terms.size(), count);
    const std::size_t chosen = first + static_cast<std::size_t>(layer);
    expect_equal(one.total.item<double>(), term(signals, chosen));
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(one.terms[i].defined(), i == chosen) << i;
  }
}

TEST(SignalLossTest, LossesAreMeanSquaredErrorsSummedOverLayers) {
  const auto mse_of = [](std::vector<torch::Tensor> model::Signals::*list) {
    return [list](const RandomSignals& signals, std::size_t i) {
      return mean_squared_difference((signals.student.*list)[i], (signals.teacher.*list)[i]);
    };
  };
  expect_layers(attention_output_loss, mse_of(&model::Signals::attention_output));
  expect_layers(sa_output_loss, mse_of(&model::Signals::sa_output));
  expect_layers(context_loss, mse_of(&model::Signals::context));
}

TEST(SignalLossTest, HiddenStatesTakeInTheEmbeddingOutputWithAllLayersAlone) {
  expect_layers(
      hidden_state_loss,
      [](const RandomSignals& signals, std::size_t i) {
        return mean_squared_difference(signals.student.hidden_states[i], signals.teacher.hidden_states[i]);
      },
      /*first=*/1);
}

TEST(AttentionScoreLossTest, IsTheMeanSquareOverHeadsAndAllPairs) {
  expect_layers(attention_score_loss, [](const RandomSignals& signals, std::size_t i) {
    double sum = 0.0;
    double pairs = 0.0;
    for_rows(signals, signals.student.attention_scores[i], signals.teacher.attention_scores[i],
             [&](const double* s, const double* t, std::int64_t n) {
               for (std::int64_t j = 0; j < n; ++j) sum += (s[j] - t[j]) * (s[j] - t[j]);
             });
    for (std::size_t b = 0; b < 4; ++b) pairs += static_cast<double>(signals.length(b) * signals.length(b));
    return sum / (static_cast<double>(RandomSignals::kHeads) * pairs);
  });
}

TEST(AttentionMapLossTest, IsTheDivergenceOfTheMaps) {
  expect_layers([](const LossInputs& inputs) { return attention_map_loss(inputs); },
                [](const RandomSignals& signals, std::size_t i) {
                  return map_divergence(signals, signals.teacher.attention_map[i],
                                        signals.student.attention_map[i]);
                });
}

TEST(AttentionMapLossTest, ATemperatureSoftensTheScoresAndScalesTheLoss) {
  for (const double temperature : {2.0, 0.5}) {
    expect_layers([=](const LossInputs& inputs) { return attention_map_loss(inputs, temperature); },
                  [=](const RandomSignals& signals, std::size_t i) {
                    return temperature * temperature *
                           map_divergence(
                               signals, tempered(signals, signals.teacher.attention_scores[i], temperature),
                               tempered(signals, signals.student.attention_scores[i], temperature));
                  });
  }
}

TEST(AttentionMapLossTest, AtInfinityIsTheVarianceOfTheScoresDifferences) {
  expect_layers([](const LossInputs& inputs) { return attention_map_loss(inputs, kInfinity); },
                [](const RandomSignals& signals, std::size_t i) {
                  return limit_at_infinity(signals, signals.teacher.attention_scores[i],
                                           signals.student.attention_scores[i]);
                });
}

TEST(AttentionMapLossTest, ApproachesItsLimitAsTheTemperatureGrows) {
  const RandomSignals signals;
  const double limit = attention_map_loss(signals.inputs(), kInfinity).total.item<double>();
  // The next term of the expansion is smaller by scores / temperature, and scores are below 3.
  for (const double temperature : {1e2, 1e3, 1e4}) {
    const double value = attention_map_loss(signals.inputs(), temperature).total.item<double>();
    EXPECT_NEAR(value, limit, 2.0 * 3.0 / temperature * limit) << temperature;
  }
}

TEST(AttentionMapLossTest, ProbabilitiesAreClampedAt1e8) {
  RandomSignals signals;
  {
    const torch::NoGradGuard no_grad;
    signals.teacher.attention_map[0].slice(0, 0, 4).copy_(
        torch::tensor({0.0, 1e-9, 1e-8, 0.5}, torch::kFloat64));
    signals.student.attention_map[0].slice(0, 2, 6).copy_(
        torch::tensor({0.0, 1e-9, 1e-12, 2e-8}, torch::kFloat64));
  }
  const LayerLoss loss = attention_map_loss(signals.inputs());
  expect_equal(loss.terms[0].item<double>(),
               map_divergence(signals, signals.teacher.attention_map[0], signals.student.attention_map[0]));
  loss.total.backward();
  const std::vector<double> gradient = elements(signals.student.attention_map[0].grad());
  for (std::size_t i = 2; i < 5; ++i) EXPECT_EQ(gradient[i], 0.0) << i;
  EXPECT_LT(gradient[5], 0.0);
}

TEST(AttentionMapLossTest, IsZeroBetweenEqualModelsAtEveryTemperature) {
  RandomSignals signals;
  signals.student = signals.teacher;
  for (const double temperature : {1.0, 2.0, kInfinity}) {
    EXPECT_EQ(attention_map_loss(signals.inputs(), temperature).total.item<double>(), 0.0);
  }
}

TEST(AttentionMapLossTest, RefusesATemperatureThatIsNotAboveZero) {
  const RandomSignals signals;
  EXPECT_THAT([&] { attention_map_loss(signals.inputs(), 0.0); },
              ThrowsMessage<base::InvalidArgument>("temperature: expected more than 0, found 0"));
  EXPECT_THAT([&] { attention_map_loss(signals.inputs(), std::nan("")); },
              ThrowsMessage<base::InvalidArgument>("temperature: expected more than 0, found nan"));
}

/// log softmax(z)_c of row b.
double log_softmax(const torch::Tensor& logits, std::int64_t b, std::int64_t c) {
  const std::int64_t classes = logits.size(1);
  const auto* row = logits.data_ptr<double>() + b * classes;
  double sum = 0.0;
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(row[k]);
  return row[c] - std::log(sum);
}

TEST(LogitLossTest, IsTheCrossEntropyWithTheTeachersAnswers) {
  for (const std::int64_t classes : {2, 3, 5}) {
    const RandomSignals signals(classes);
    double sum = 0.0;
    for (std::int64_t b = 0; b < 4; ++b) {
      for (std::int64_t c = 0; c < classes; ++c) {
        sum -=
            std::exp(log_softmax(signals.teacher.logits, b, c)) * log_softmax(signals.student.logits, b, c);
      }
    }
    expect_equal(logit_loss(signals.teacher.logits, signals.student.logits).item<double>(), sum / 4.0);
  }
}

TEST(LogitLossTest, OfARegressionIsTheMeanSquaredError) {
  const RandomSignals signals(1);
  expect_equal(logit_loss(signals.teacher.logits, signals.student.logits).item<double>(),
               mean_squared_difference(signals.student.logits, signals.teacher.logits));
}

TEST(GroundTruthLossTest, IsTheCrossEntropyWithTheLabels) {
  const RandomSignals signals;
  const std::vector<std::int64_t> labels = {2, 0, 0, 1};
  double sum = 0.0;
  for (std::int64_t b = 0; b < 4; ++b) {
    sum -= log_softmax(signals.student.logits, b, labels[static_cast<std::size_t>(b)]);
  }
  expect_equal(ground_truth_loss(signals.student.logits, torch::tensor(labels, torch::kInt64)).item<double>(),
               sum / 4.0);
}

TEST(GroundTruthLossTest, OfARegressionIsTheMeanSquaredError) {
  const RandomSignals signals(1);
  const torch::Tensor scores = torch::tensor({0.5F, -1.0F, 4.75F, 2.0F});
  expect_equal(ground_truth_loss(signals.student.logits, scores).item<double>(),
               mean_squared_difference(signals.student.logits, scores.to(torch::kFloat64)));
}

void expect_refused(std::int64_t classes, const torch::Tensor& labels, const std::string& message) {
  EXPECT_THAT(
      [&] {
        ground_truth_loss(torch::zeros({2, classes}), labels);
      },
      ThrowsMessage<base::InvalidArgument>("labels: expected " + message));
}

TEST(GroundTruthLossTest, RefusesLabelsThatAreMissingOrOfAnotherShapeOrDtype) {
  expect_refused(3, torch::Tensor(), "one a sentence, found none");
  expect_refused(3, torch::zeros({3}, torch::kInt64), "class ids [2], found Long [3]");
  expect_refused(3, torch::zeros({2, 1}, torch::kInt64), "class ids [2], found Long [2, 1]");
  expect_refused(3, torch::zeros({2}), "class ids [2], found Float [2]");
  expect_refused(3, torch::zeros({2}, torch::kInt32), "class ids [2], found Int [2]");
  expect_refused(1, torch::zeros({2}, torch::kInt64), "scores [2], found Long [2]");
}

TEST(GroundTruthLossTest, RefusesLabelsOutsideOfTheClasses) {
  expect_refused(3, torch::tensor({0, 3}, torch::kInt64), "class ids from 0 to 2, found 3");
  expect_refused(3, torch::tensor({-1, 3}, torch::kInt64), "class ids from 0 to 2, found -1");
}

}  // namespace
}  // namespace kdqat::distill
