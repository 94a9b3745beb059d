#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "kdqat/base/error.h"
#include "tests/kernels/attention_problem.h"
#include "tests/kernels/finite_differences.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;

/// Gradients that arrive at the signals; an empty one stands for none.
struct Arriving {
  Floats scores;
  Floats map;
  Floats context;

  AttentionGradients pointers() const {
    const auto data = [](const Floats& values) { return values.empty() ? nullptr : values.data(); };
    return {.scores = data(scores), .map = data(map), .context = data(context)};
  }
};

/// Bit 0 of `which` chooses the scores' gradient, 1 the map's, 2 the context's.
Arriving draw_arriving(const AttentionProblem& problem, int which) {
  return {.scores = which & 1 ? random_values(5, problem.pairs(), -1.0, 1.0) : Floats{},
          .map = which & 2 ? random_values(6, problem.pairs(), -1.0, 1.0) : Floats{},
          .context = which & 4 ? random_values(7, problem.elements(), -1.0, 1.0) : Floats{}};
}

template <typename Values>
struct OperandGradients {
  Values query;
  Values key;
  Values value;

  std::array<const Values*, 3> all() const { return {&query, &key, &value}; }
  bool operator==(const OperandGradients&) const = default;
};

OperandGradients<Floats> backward(const AttentionProblem& problem, const ForwardResult& result,
                                  const Arriving& arriving) {
  const Floats unwritten(problem.query.size(), std::numeric_limits<float>::quiet_NaN());
  OperandGradients<Floats> out{unwritten, unwritten, unwritten};
  attention_backward(problem.shape(), problem.operands(), result.map.data(), result.quantized_map.data(),
                     problem.dropout(), arriving.pointers(),
                     {.query = out.query.data(), .key = out.key.data(), .value = out.value.data()});
  return out;
}

/// The formulas of backward in double, from the forward pass's map and quantized map. With `magnitudes`,
/// every factor is replaced by its magnitude and every difference by a sum: what rounding errors are in
/// proportion to.
class Reference {
 public:
  Reference(const AttentionProblem& problem, const ForwardResult& result, const Arriving& arriving,
            bool magnitudes)
      : problem_(problem), result_(result), arriving_(arriving), magnitudes_(magnitudes) {
    const Doubles zeros(problem.query.size(), 0.0);
    gradients_ = {zeros, zeros, zeros};
    for_each_head(problem, [&](const HeadPlace& place) { add_head(place); });
  }

  const OperandGradients<Doubles>& gradients() const { return gradients_; }

 private:
  double at(const Floats& values, std::size_t i) const {
    if (values.empty()) return 0.0;
    const auto value = static_cast<double>(values[i]);
    return magnitudes_ ? std::fabs(value) : value;
  }

  double map_gradient(const HeadPlace& place, std::int64_t i, std::int64_t j) const {
    double sum = 0.0;
    for (std::int64_t d = 0; d < problem_.head_size; ++d) {
      sum += at(arriving_.context, place.element(i, d)) * at(problem_.value, place.element(j, d));
    }
    return sum * problem_.mask_at(place.pair(i, j)) + at(arriving_.map, place.pair(i, j));
  }

  void add_head(const HeadPlace& place) {
    const double factor = 1.0 / std::sqrt(static_cast<double>(problem_.head_size));
    for (std::int64_t i = 0; i < place.length; ++i) {
      Doubles of_map;
      double mean = 0.0;
      for (std::int64_t j = 0; j < place.length; ++j) {
        of_map.push_back(map_gradient(place, i, j));
        mean += at(result_.map, place.pair(i, j)) * of_map.back();
      }
      if (magnitudes_) mean = -mean;
      for (std::int64_t j = 0; j < place.length; ++j) {
        const double of_score =
            (at(result_.map, place.pair(i, j)) * (of_map[static_cast<std::size_t>(j)] - mean) +
             at(arriving_.scores, place.pair(i, j))) *
            factor;
        for (std::int64_t d = 0; d < problem_.head_size; ++d) {
          gradients_.query[place.element(i, d)] += of_score * at(problem_.key, place.element(j, d));
          gradients_.key[place.element(j, d)] += of_score * at(problem_.query, place.element(i, d));
          gradients_.value[place.element(j, d)] +=
              at(result_.quantized_map, place.pair(i, j)) * at(arriving_.context, place.element(i, d));
        }
      }
    }
  }

  const AttentionProblem& problem_;
  const ForwardResult& result_;
  const Arriving& arriving_;
  bool magnitudes_;
  OperandGradients<Doubles> gradients_;
};

void expect_formulas(const AttentionProblem& problem, const ForwardResult& result, const Arriving& arriving) {
  const OperandGradients<Floats> actual = backward(problem, result, arriving);
  const OperandGradients<Doubles> expected = Reference(problem, result, arriving, false).gradients();
  const OperandGradients<Doubles> magnitude = Reference(problem, result, arriving, true).gradients();
  const std::int64_t longest = 20;
  // A rounding a term of the three sums (over head size, keys, and keys or queries), and eight for what is
  // between.
  const double roundings = static_cast<double>(problem.head_size + 2 * longest + 8);
  for (std::size_t operand = 0; operand < 3; ++operand) {
    for (std::size_t i = 0; i < problem.query.size(); ++i) {
      ASSERT_NEAR(static_cast<double>((*actual.all()[operand])[i]), (*expected.all()[operand])[i],
                  roundings * kRounding * (*magnitude.all()[operand])[i])
          << "operand " << operand << ", element " << i;
    }
  }
}

const std::vector<std::int64_t> kRaggedLengths = {7, 1, 20, 2, 13, 4, 19, 3, 8, 16, 5, 11};

TEST(AttentionBackwardTest, GradientsFollowTheFormulasForEverySetOfArrivingOnes) {
  for (const std::int64_t head_size : {1, 8, 32, 33}) {
    for (const bool dropout : {false, true}) {
      const AttentionProblem problem(kRaggedLengths, /*heads=*/2, head_size, dropout);
      for (const AttentionScales scales :
           {AttentionScales::kNone, AttentionScales::kHead, AttentionScales::kTensor}) {
        const ForwardResult result = forward(problem, scales);
        for (int which = 0; which < 8; ++which) {
          SCOPED_TRACE(base::concat("head size ", head_size, dropout ? ", dropout, " : ", ",
                                    to_string(scales), ", arriving ", which));
          expect_formulas(problem, result, draw_arriving(problem, which));
        }
      }
    }
  }
}

TEST(AttentionBackwardTest, WithoutArrivingGradientsAllAreZero) {
  const AttentionProblem problem(kRaggedLengths, 2, 8, true);
  const OperandGradients<Floats> actual =
      backward(problem, forward(problem, AttentionScales::kHead), Arriving{});
  for (const Floats* gradient : actual.all()) EXPECT_THAT(*gradient, Each(0.0F));
}

/// <arriving, signals> of attention without quantization, in double.
double weighted_signals(const AttentionProblem& problem, const Arriving& arriving,
                        const OperandGradients<Doubles>& x) {
  double total = 0.0;
  const auto weight = [](const Floats& values, std::size_t i) {
    return values.empty() ? 0.0 : static_cast<double>(values[i]);
  };
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      Doubles map;
      double sum = 0.0;
      for (std::int64_t j = 0; j < place.length; ++j) {
        double score = 0.0;
        for (std::int64_t d = 0; d < problem.head_size; ++d) {
          score += x.query[place.element(i, d)] * x.key[place.element(j, d)];
        }
        score /= std::sqrt(static_cast<double>(problem.head_size));
        total += weight(arriving.scores, place.pair(i, j)) * score;
        map.push_back(std::exp(score));
        sum += map.back();
      }
      for (std::int64_t j = 0; j < place.length; ++j) {
        const double p = map[static_cast<std::size_t>(j)] / sum;
        total += weight(arriving.map, place.pair(i, j)) * p;
        for (std::int64_t d = 0; d < problem.head_size; ++d) {
          total += weight(arriving.context, place.element(i, d)) * p * problem.mask_at(place.pair(i, j)) *
                   x.value[place.element(j, d)];
        }
      }
    }
  });
  return total;
}

void expect_finite_differences(const AttentionProblem& problem, const Arriving& arriving) {
  const OperandGradients<Floats> actual =
      backward(problem, forward(problem, AttentionScales::kNone), arriving);
  OperandGradients<Doubles> x{doubles(problem.query), doubles(problem.key), doubles(problem.value)};
  const std::array<Doubles*, 3> operands = {&x.query, &x.key, &x.value};
  for (std::size_t operand = 0; operand < 3; ++operand) {
    SCOPED_TRACE(base::concat("operand ", operand));
    // The gradient in float32 errs by some tens of roundings of values near 1.
    expect_central_differences(*actual.all()[operand], *operands[operand], 1e-5,
                               [&] { return weighted_signals(problem, arriving, x); });
  }
}

TEST(AttentionBackwardTest, GradientsWithoutQuantizationAreThoseOfFiniteDifferences) {
  for (const bool dropout : {false, true}) {
    const AttentionProblem problem({3, 1, 4}, /*heads=*/2, /*head_size=*/5, dropout);
    for (int which = 1; which < 8; ++which) {
      SCOPED_TRACE(base::concat(dropout ? "dropout, arriving " : "arriving ", which));
      expect_finite_differences(problem, draw_arriving(problem, which));
    }
  }
}

TEST(AttentionBackwardTest, DoesNotDependOnTheThreadCount) {
  const AttentionProblem problem(kRaggedLengths, 4, 33, true);
  const ForwardResult result = forward(problem, AttentionScales::kTensor);
  const Arriving arriving = draw_arriving(problem, 7);
  expect_the_same_for_every_thread_count([&] { return backward(problem, result, arriving); });
}

}  // namespace
}  // namespace kdqat::kernels
