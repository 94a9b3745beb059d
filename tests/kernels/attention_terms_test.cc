#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kdqat/base/error.h"
#include "tests/kernels/attention_problem.h"
#include "tests/kernels/finite_differences.h"

namespace kdqat::kernels {
namespace {

constexpr float kUnwritten = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kReach = 110;
constexpr std::int64_t kPositions = 23;

/// Which terms a problem has.
struct Which {
  std::string name;
  std::int64_t window = 0;
  float factor = 0.0F;
  bool bias = false;
  bool position_key = false;
  bool position_query = false;
};

const std::vector<Which>& every_term() {
  static const std::vector<Which> all = {
      {.name = "factor", .factor = 0.3F},
      {.name = "window", .window = 9},
      {.name = "narrow window", .window = 1},
      {.name = "bias", .bias = true},
      {.name = "position_key", .position_key = true},
      {.name = "position_query", .position_query = true},
      {.name = "disentangled", .factor = 0.2F, .position_key = true, .position_query = true},
      {.name = "all",
       .window = 20,
       .factor = 0.2F,
       .bias = true,
       .position_key = true,
       .position_query = true}};
  return all;
}

/// A problem of attention with terms; the two tables of indices differ, and neither is monotonic throughout.
struct TermsProblem : AttentionProblem {
  TermsProblem(const Which& which, const std::vector<std::int64_t>& lengths, std::int64_t head_count,
               std::int64_t size_of_head, bool dropout)
      : AttentionProblem(lengths, head_count, size_of_head, dropout) {
    const std::int64_t width = heads * head_size;
    if (which.bias) bias = random_values(11, heads * (2 * kReach + 1), -1.0, 1.0);
    if (which.position_key) position_key = random_values(12, kPositions * width, -1.0, 1.0);
    if (which.position_query) position_query = random_values(13, kPositions * width, -1.0, 1.0);
    for (std::int64_t distance = -kReach; distance <= kReach; ++distance) {
      const std::int64_t bucket =
          distance >= -8 && distance <= 8 ? distance : distance / 10 + (distance < 0 ? -7 : 7);
      key_index.push_back(
          static_cast<std::int32_t>(std::clamp<std::int64_t>(bucket + 11, 0, kPositions - 1)));
      query_index.push_back(static_cast<std::int32_t>((5 * (distance + kReach) + 3) % kPositions));
    }
    terms = {.factor = which.factor,
             .window = which.window,
             .reach = kReach,
             .bias = which.bias ? bias.data() : nullptr,
             .position_key = which.position_key ? position_key.data() : nullptr,
             .key_index = key_index.data(),
             .position_query = which.position_query ? position_query.data() : nullptr,
             .query_index = query_index.data(),
             .positions = kPositions};
  }
  TermsProblem(const TermsProblem&) = delete;
  TermsProblem& operator=(const TermsProblem&) = delete;

  AttentionInput input(AttentionScales scales) const {
    return {
        .shape = shape(), .operands = operands(), .terms = terms, .dropout = dropout(), .map_scales = scales};
  }
  double factor() const {
    return terms.factor != 0.0F ? static_cast<double>(terms.factor)
                                : 1.0 / std::sqrt(static_cast<double>(head_size));
  }
  bool exists(std::int64_t i, std::int64_t j) const {
    return terms.window == 0 || std::abs(i - j) <= terms.window;
  }
  /// In bias and its gradient.
  std::size_t bias_entry(const HeadPlace& place, std::int64_t i, std::int64_t j) const {
    return index(place.head * (2 * kReach + 1) + j - i + kReach);
  }
  /// In position_key or position_query, for its table of indices.
  std::size_t position_entry(const HeadPlace& place, const std::vector<std::int32_t>& table,
                             std::int64_t distance, std::int64_t d) const {
    return index((table[index(distance + kReach)] * heads + place.head) * head_size + d);
  }

  Floats bias;
  Floats position_key;
  Floats position_query;
  std::vector<std::int32_t> key_index;
  std::vector<std::int32_t> query_index;
  AttentionTerms terms;
};

ForwardResult forward(const TermsProblem& problem, AttentionScales scales) {
  const Floats pairs(index(problem.pairs()), kUnwritten);
  ForwardResult result{pairs, pairs, pairs, Floats(index(problem.elements()), kUnwritten)};
  attention_forward(problem.input(scales), {.scores = result.scores.data(),
                                            .map = result.map.data(),
                                            .quantized_map = result.quantized_map.data(),
                                            .context = result.context.data()});
  return result;
}

/// The operands in double: query, key, value, bias, position_key, position_query; or their gradients.
template <typename Values>
using Operands = std::array<Values, 6>;

Operands<Doubles> operands_of(const TermsProblem& problem) {
  return {doubles(problem.query), doubles(problem.key),          doubles(problem.value),
          doubles(problem.bias),  doubles(problem.position_key), doubles(problem.position_query)};
}

/// The score of a pair; with `magnitudes` the sum of its terms' magnitudes.
double score_of(const TermsProblem& problem, const Operands<Doubles>& x, const HeadPlace& place,
                std::int64_t i, std::int64_t j, bool magnitudes = false) {
  const auto term = [&](double value) { return magnitudes ? std::fabs(value) : value; };
  double sum = 0.0;
  for (std::int64_t d = 0; d < problem.head_size; ++d) {
    const double query = x[0][place.element(i, d)];
    const double key = x[1][place.element(j, d)];
    sum += term(query * key);
    if (!x[4].empty()) sum += term(query * x[4][problem.position_entry(place, problem.key_index, i - j, d)]);
    if (!x[5].empty()) sum += term(key * x[5][problem.position_entry(place, problem.query_index, i - j, d)]);
  }
  sum *= problem.factor();
  return x[3].empty() ? sum : sum + term(x[3][problem.bias_entry(place, i, j)]);
}

/// Every signal of the kernel against the formulas, from the signal before it.
void expect_forward(const TermsProblem& problem, const ForwardResult& result) {
  const Operands<Doubles> x = operands_of(problem);
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      double sum = 0.0;
      double largest = -1e30;
      double smallest = 1e30;
      const auto score_at = [&](std::int64_t j) {
        return static_cast<double>(result.scores[place.pair(i, j)]);
      };
      for (std::int64_t j = 0; j < place.length; ++j) {
        if (!problem.exists(i, j)) {
          ASSERT_EQ(result.scores[place.pair(i, j)], 0.0F);
          ASSERT_EQ(result.map[place.pair(i, j)], 0.0F);
          ASSERT_EQ(result.quantized_map[place.pair(i, j)], 0.0F);
          continue;
        }
        // A rounding a term of each of the three products, two for their sums, three for factor, its root and
        // the product with it, one for the bias.
        const double tolerance =
            static_cast<double>(problem.head_size + 6) * kRounding * score_of(problem, x, place, i, j, true);
        ASSERT_NEAR(score_at(j), score_of(problem, x, place, i, j), tolerance) << i << ", " << j;
        largest = std::max(largest, score_at(j));
        smallest = std::min(smallest, score_at(j));
      }
      for (std::int64_t j = 0; j < place.length; ++j) {
        if (problem.exists(i, j)) sum += std::exp(score_at(j) - largest);
      }
      for (std::int64_t j = 0; j < place.length; ++j) {
        if (!problem.exists(i, j)) continue;
        const double expected = std::exp(score_at(j) - largest) / sum;
        // As in attention_forward_test.cc.
        const double roundings = 2.0 * (largest - smallest + 4.0) + static_cast<double>(place.length) + 2.0;
        ASSERT_NEAR(static_cast<double>(result.map[place.pair(i, j)]), expected,
                    roundings * kRounding * expected);
      }
      for (std::int64_t d = 0; d < problem.head_size; ++d) {
        double context = 0.0;
        double magnitude = 0.0;
        for (std::int64_t j = 0; j < place.length; ++j) {
          const double term = static_cast<double>(result.quantized_map[place.pair(i, j)]) *
                              static_cast<double>(problem.value[place.element(j, d)]);
          context += term;
          magnitude += std::fabs(term);
        }
        ASSERT_NEAR(static_cast<double>(result.context[place.element(i, d)]), context,
                    static_cast<double>(place.length + 1) * kRounding * magnitude);
      }
    }
  });
}

/// Gradients that arrive at the signals.
struct GradOutput {
  explicit GradOutput(const TermsProblem& problem)
      : scores(random_values(5, problem.pairs(), -1.0, 1.0)),
        map(random_values(6, problem.pairs(), -1.0, 1.0)),
        context(random_values(7, problem.elements(), -1.0, 1.0)) {
    // What arrives where no pair exists must not be read.
    for_each_head(problem, [&](const HeadPlace& place) {
      for (std::int64_t i = 0; i < place.length; ++i) {
        for (std::int64_t j = 0; j < place.length; ++j) {
          if (!problem.exists(i, j)) scores[place.pair(i, j)] = map[place.pair(i, j)] = kUnwritten;
        }
      }
    });
  }

  Floats scores;
  Floats map;
  Floats context;
};

Operands<Floats> backward(const TermsProblem& problem, const ForwardResult& result,
                          const GradOutput& grad_output) {
  Operands<Floats> out = {
      Floats(problem.query.size(), kUnwritten),        Floats(problem.query.size(), kUnwritten),
      Floats(problem.query.size(), kUnwritten),        Floats(problem.bias.size(), kUnwritten),
      Floats(problem.position_key.size(), kUnwritten), Floats(problem.position_query.size(), kUnwritten)};
  const auto data = [](Floats& values) { return values.empty() ? nullptr : values.data(); };
  attention_backward(problem.input(AttentionScales::kNone),
                     {.map = result.map.data(), .quantized_map = result.quantized_map.data()},
                     {.scores = grad_output.scores.data(),
                      .map = grad_output.map.data(),
                      .context = grad_output.context.data()},
                     {.query = data(out[0]),
                      .key = data(out[1]),
                      .value = data(out[2]),
                      .bias = data(out[3]),
                      .position_key = data(out[4]),
                      .position_query = data(out[5])});
  return out;
}

/// The formulas of backward in double, from the forward pass's map and quantized map. With `magnitudes`,
/// every factor is replaced by its magnitude and every difference by a sum: what rounding errors are in
/// proportion to.
class Reference {
 public:
  Reference(const TermsProblem& problem, const ForwardResult& result, const GradOutput& grad_output,
            bool magnitudes)
      : problem_(problem),
        result_(result),
        grad_output_(grad_output),
        magnitudes_(magnitudes),
        x_(operands_of(problem)) {
    if (magnitudes) {
      for (Doubles& operand : x_) {
        for (double& value : operand) value = std::fabs(value);
      }
    }
    for (std::size_t i = 0; i < x_.size(); ++i) gradients_[i].assign(x_[i].size(), 0.0);
    for_each_head(problem, [&](const HeadPlace& place) {
      for (std::int64_t i = 0; i < place.length; ++i) add_row(place, i);
    });
  }

  const Operands<Doubles>& gradients() const { return gradients_; }

 private:
  double at(const Floats& values, std::size_t i) const {
    const auto value = static_cast<double>(values[i]);
    return magnitudes_ ? std::fabs(value) : value;
  }

  void add_row(const HeadPlace& place, std::int64_t i) {
    Doubles of_map(index(place.length), 0.0);
    double mean = 0.0;
    for (std::int64_t j = 0; j < place.length; ++j) {
      const std::size_t pair = place.pair(i, j);
      if (!problem_.exists(i, j)) continue;
      double& gradient = of_map[index(j)];
      for (std::int64_t d = 0; d < problem_.head_size; ++d) {
        const double context = at(grad_output_.context, place.element(i, d));
        gradient += context * x_[2][place.element(j, d)];
        gradients_[2][place.element(j, d)] += at(result_.quantized_map, pair) * context;
      }
      gradient = gradient * problem_.mask_at(pair) + at(grad_output_.map, pair);
      mean += at(result_.map, pair) * gradient;
    }
    if (magnitudes_) mean = -mean;
    for (std::int64_t j = 0; j < place.length; ++j) {
      const std::size_t pair = place.pair(i, j);
      if (!problem_.exists(i, j)) continue;
      add_pair(place, i, j,
               at(result_.map, pair) * (of_map[index(j)] - mean) + at(grad_output_.scores, pair));
    }
  }

  void add_pair(const HeadPlace& place, std::int64_t i, std::int64_t j, double of_score) {
    if (!x_[3].empty()) gradients_[3][problem_.bias_entry(place, i, j)] += of_score;
    of_score *= problem_.factor();
    for (std::int64_t d = 0; d < problem_.head_size; ++d) {
      const std::size_t query = place.element(i, d);
      const std::size_t key = place.element(j, d);
      gradients_[0][query] += of_score * x_[1][key];
      gradients_[1][key] += of_score * x_[0][query];
      if (!x_[4].empty()) {
        const std::size_t position = problem_.position_entry(place, problem_.key_index, i - j, d);
        gradients_[0][query] += of_score * x_[4][position];
        gradients_[4][position] += of_score * x_[0][query];
      }
      if (!x_[5].empty()) {
        const std::size_t position = problem_.position_entry(place, problem_.query_index, i - j, d);
        gradients_[1][key] += of_score * x_[5][position];
        gradients_[5][position] += of_score * x_[1][key];
      }
    }
  }

  const TermsProblem& problem_;
  const ForwardResult& result_;
  const GradOutput& grad_output_;
  bool magnitudes_;
  Operands<Doubles> x_;
  Operands<Doubles> gradients_;
};

void expect_backward(const TermsProblem& problem, const ForwardResult& result) {
  const GradOutput grad_output(problem);
  const Operands<Floats> actual = backward(problem, result, grad_output);
  const Operands<Doubles> expected = Reference(problem, result, grad_output, false).gradients();
  const Operands<Doubles> magnitude = Reference(problem, result, grad_output, true).gradients();
  std::int64_t longest = 0;
  for (std::int64_t b = 0; b < problem.shape().sentences(); ++b)
    longest = std::max(longest, problem.shape().length(b));
  // A rounding a term of each sum: over head size; over keys in softmax; over the pairs that meet at an
  // element of a product with positions; over keys or queries; over sentences. Sixteen for what is between.
  const double roundings =
      static_cast<double>(problem.head_size + 3 * longest + problem.shape().sentences() + kPositions + 16);
  for (std::size_t operand = 0; operand < actual.size(); ++operand) {
    for (std::size_t i = 0; i < actual[operand].size(); ++i) {
      ASSERT_NEAR(static_cast<double>(actual[operand][i]), expected[operand][i],
                  roundings * kRounding * magnitude[operand][i])
          << "operand " << operand << ", element " << i;
    }
  }
}

TEST(AttentionTermsTest, SignalsAndGradientsFollowTheFormulas) {
  for (const Which& which : every_term()) {
    for (const std::int64_t head_size : {5, 8, 12, 32, 64}) {
      for (const bool dropout : {false, true}) {
        const TermsProblem problem(which, {7, 1, 33, 16, 17, 100}, /*head_count=*/2, head_size, dropout);
        for (const AttentionScales scales : {AttentionScales::kNone, AttentionScales::kHead}) {
          SCOPED_TRACE(base::concat(which.name, ", head size ", head_size, dropout ? ", dropout, " : ", ",
                                    to_string(scales)));
          const ForwardResult result = forward(problem, scales);
          expect_forward(problem, result);
          expect_backward(problem, result);
          if (::testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

/// <grad_output, signals> of attention without quantization, in double.
double weighted_signals(const TermsProblem& problem, const GradOutput& grad_output,
                        const Operands<Doubles>& x) {
  double total = 0.0;
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      Doubles map(index(place.length), 0.0);
      double sum = 0.0;
      for (std::int64_t j = 0; j < place.length; ++j) {
        if (!problem.exists(i, j)) continue;
        const double score = score_of(problem, x, place, i, j);
        total += static_cast<double>(grad_output.scores[place.pair(i, j)]) * score;
        map[index(j)] = std::exp(score);
        sum += map[index(j)];
      }
      for (std::int64_t j = 0; j < place.length; ++j) {
        if (!problem.exists(i, j)) continue;
        const double p = map[index(j)] / sum;
        total += static_cast<double>(grad_output.map[place.pair(i, j)]) * p;
        for (std::int64_t d = 0; d < problem.head_size; ++d) {
          total += static_cast<double>(grad_output.context[place.element(i, d)]) * p *
                   problem.mask_at(place.pair(i, j)) * x[2][place.element(j, d)];
        }
      }
    }
  });
  return total;
}

TEST(AttentionTermsTest, GradientsWithoutQuantizationAreThoseOfFiniteDifferences) {
  for (const Which& which : every_term()) {
    SCOPED_TRACE(which.name);
    const TermsProblem problem(which, {3, 1, 5}, /*head_count=*/2, /*size_of_head=*/3, /*dropout=*/true);
    const GradOutput grad_output(problem);
    const Operands<Floats> actual = backward(problem, forward(problem, AttentionScales::kNone), grad_output);
    Operands<Doubles> x = operands_of(problem);
    for (std::size_t operand = 0; operand < x.size(); ++operand) {
      SCOPED_TRACE(base::concat("operand ", operand));
      // The gradient in float32 errs by some tens of roundings of values near 1.
      expect_central_differences(actual[operand], x[operand], 1e-5,
                                 [&] { return weighted_signals(problem, grad_output, x); });
    }
  }
}

TEST(AttentionTermsTest, DoNotDependOnTheThreadCount) {
  for (const Which& which : every_term()) {
    SCOPED_TRACE(which.name);
    const TermsProblem problem(which, {7, 100, 1, 33, 16, 17, 4, 9, 40}, 3, 12, true);
    expect_the_same_for_every_thread_count([&] { return forward(problem, AttentionScales::kTensor); });
    const ForwardResult result = forward(problem, AttentionScales::kTensor);
    const GradOutput grad_output(problem);
    expect_the_same_for_every_thread_count([&] { return backward(problem, result, grad_output); });
  }
}

TEST(AttentionTermsTest, AWindowOverTheWholeSentenceGivesTheBitsOfNone) {
  const Which none{.name = "none"};
  for (const std::int64_t window : {99, 100, 1000}) {
    Which wide = none;
    wide.window = window;
    const TermsProblem windowed(wide, {100, 3, 16}, 2, 8, true);
    const TermsProblem plain(none, {100, 3, 16}, 2, 8, true);
    const ForwardResult result = forward(plain, AttentionScales::kHead);
    EXPECT_EQ(forward(windowed, AttentionScales::kHead), result);
    const GradOutput grad_output(plain);
    EXPECT_EQ(backward(windowed, result, grad_output), backward(plain, result, grad_output));
  }
}

TEST(AttentionTermsTest, GradientsOfTablesThatAreNotWantedLeaveTheOthersAsTheyAre) {
  const TermsProblem problem(every_term().back(), {30, 7, 100}, 2, 12, true);
  const ForwardResult result = forward(problem, AttentionScales::kHead);
  const GradOutput grad_output(problem);
  const Operands<Floats> all = backward(problem, result, grad_output);
  Floats query(problem.query.size());
  Floats key(problem.query.size());
  Floats value(problem.query.size());
  attention_backward(problem.input(AttentionScales::kHead),
                     {.map = result.map.data(), .quantized_map = result.quantized_map.data()},
                     {.scores = grad_output.scores.data(),
                      .map = grad_output.map.data(),
                      .context = grad_output.context.data()},
                     {.query = query.data(), .key = key.data(), .value = value.data()});
  EXPECT_EQ(query, all[0]);
  EXPECT_EQ(key, all[1]);
  EXPECT_EQ(value, all[2]);
}

}  // namespace
}  // namespace kdqat::kernels
