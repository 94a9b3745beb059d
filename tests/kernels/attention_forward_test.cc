#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/kernels/quantize.h"
#include "tests/kernels/attention_problem.h"

namespace kdqat::kernels {
namespace {

using ::testing::Each;

/// scores = query key^T / sqrt(head_size) from the operands.
void expect_scores(const AttentionProblem& problem, const ForwardResult& result) {
  const double root = std::sqrt(static_cast<double>(problem.head_size));
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      for (std::int64_t j = 0; j < place.length; ++j) {
        double sum = 0.0;
        double magnitude = 0.0;
        for (std::int64_t d = 0; d < problem.head_size; ++d) {
          const double term = static_cast<double>(problem.query[place.element(i, d)]) *
                              static_cast<double>(problem.key[place.element(j, d)]);
          sum += term;
          magnitude += std::fabs(term);
        }
        // A rounding a term; root, its inverse and the product with it.
        const double tolerance = static_cast<double>(problem.head_size + 3) * kRounding * magnitude / root;
        ASSERT_NEAR(static_cast<double>(result.scores[place.pair(i, j)]), sum / root, tolerance);
      }
    }
  });
}

/// map = softmax of the scores that the kernel found.
void expect_map(const AttentionProblem& problem, const ForwardResult& result) {
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      double largest = -1e30;
      double smallest = 1e30;
      for (std::int64_t j = 0; j < place.length; ++j) {
        largest = std::max(largest, static_cast<double>(result.scores[place.pair(i, j)]));
        smallest = std::min(smallest, static_cast<double>(result.scores[place.pair(i, j)]));
      }
      double sum = 0.0;
      for (std::int64_t j = 0; j < place.length; ++j) {
        sum += std::exp(static_cast<double>(result.scores[place.pair(i, j)]) - largest);
      }
      for (std::int64_t j = 0; j < place.length; ++j) {
        const double expected =
            std::exp(static_cast<double>(result.scores[place.pair(i, j)]) - largest) / sum;
        // Each exponential: that of its argument's rounding, and two units of its own (four roundings). They
        // stand above and below the fraction; the sum rounds n times, the inverse and the product once.
        const double roundings = 2.0 * (largest - smallest + 4.0) + static_cast<double>(place.length) + 2.0;
        ASSERT_NEAR(static_cast<double>(result.map[place.pair(i, j)]), expected,
                    roundings * kRounding * expected);
      }
    }
  });
}

/// The values that 8-bit codes of `values` with one scale stand for.
Floats fake_quantized(const Floats& values) {
  const Groups group{.count = 1, .size = static_cast<std::int64_t>(values.size())};
  std::vector<std::int8_t> codes(values.size());
  float scale = 0.0F;
  quantize_symmetric(values.data(), group, codes.data(), &scale);
  Floats out(values.size());
  dequantize(codes.data(), &scale, group, out.data());
  return out;
}

/// quantized_map: the kernel's map times the mask, quantized as kernels/quantize.h does it, to the bit.
Floats expected_quantized_map(const AttentionProblem& problem, const ForwardResult& result,
                              AttentionScales scales) {
  Floats dropped = result.map;
  for (std::size_t i = 0; i < problem.keep.size(); ++i) {
    dropped[i] = problem.keep[i] != 0 ? dropped[i] * problem.dropout().factor : 0.0F;
  }
  if (scales == AttentionScales::kTensor) return fake_quantized(dropped);
  if (scales == AttentionScales::kNone) return dropped;
  Floats out;
  for_each_head(problem, [&](const HeadPlace& place) {
    const auto first = dropped.begin() + place.first_pair;
    const Floats of_head = fake_quantized(Floats(first, first + place.length * place.length));
    out.insert(out.end(), of_head.begin(), of_head.end());
  });
  return out;
}

/// context = quantized_map value, from the kernel's quantized map.
void expect_context(const AttentionProblem& problem, const ForwardResult& result) {
  for_each_head(problem, [&](const HeadPlace& place) {
    for (std::int64_t i = 0; i < place.length; ++i) {
      for (std::int64_t d = 0; d < problem.head_size; ++d) {
        double sum = 0.0;
        double magnitude = 0.0;
        for (std::int64_t j = 0; j < place.length; ++j) {
          const double term = static_cast<double>(result.quantized_map[place.pair(i, j)]) *
                              static_cast<double>(problem.value[place.element(j, d)]);
          sum += term;
          magnitude += std::fabs(term);
        }
        ASSERT_NEAR(static_cast<double>(result.context[place.element(i, d)]), sum,
                    static_cast<double>(place.length + 1) * kRounding * magnitude);
      }
    }
  });
}

std::vector<std::int64_t> every_length_to_20() {
  std::vector<std::int64_t> lengths;
  for (std::int64_t length = 1; length <= 20; ++length) lengths.push_back(length * 7 % 20 + 1);
  return lengths;
}

TEST(AttentionForwardTest, EverySignalFollowsTheFormulasForRaggedLengths) {
  for (const std::int64_t head_size : {1, 8, 32, 33}) {
    for (const bool dropout : {false, true}) {
      const AttentionProblem problem(every_length_to_20(), /*heads=*/3, head_size, dropout);
      for (const AttentionScales scales :
           {AttentionScales::kNone, AttentionScales::kHead, AttentionScales::kTensor}) {
        SCOPED_TRACE(
            base::concat("head size ", head_size, dropout ? ", dropout, " : ", ", to_string(scales)));
        const ForwardResult result = forward(problem, scales);
        expect_scores(problem, result);
        expect_map(problem, result);
        EXPECT_EQ(result.quantized_map, expected_quantized_map(problem, result, scales));
        expect_context(problem, result);
      }
    }
  }
}

TEST(AttentionForwardTest, LargeScoresDoNotOverflow) {
  AttentionProblem problem({3}, 1, 4, false);
  for (float& x : problem.query) x *= 1e4F;
  const ForwardResult result = forward(problem, AttentionScales::kNone);
  for (std::size_t row = 0; row < 3; ++row) {
    const double sum = static_cast<double>(result.map[3 * row]) +
                       static_cast<double>(result.map[3 * row + 1]) +
                       static_cast<double>(result.map[3 * row + 2]);
    EXPECT_NEAR(sum, 1.0, 1e-6);
  }
}

TEST(AttentionForwardTest, ASentenceDoesNotSeeTheOthers) {
  AttentionProblem together({5, 9, 2}, 2, 8, true);
  AttentionProblem alone({9}, 2, 8, true);
  const auto rows = [&](const Floats& values) {
    return Floats(values.begin() + 5 * 16, values.begin() + 14 * 16);
  };
  const auto pairs = [&](const auto& values) {
    return std::decay_t<decltype(values)>(values.begin() + 2 * 25, values.begin() + 2 * (25 + 81));
  };
  alone.query = rows(together.query);
  alone.key = rows(together.key);
  alone.value = rows(together.value);
  alone.keep = pairs(together.keep);
  for (const AttentionScales scales : {AttentionScales::kNone, AttentionScales::kHead}) {
    const ForwardResult of_batch = forward(together, scales);
    const ForwardResult expected{pairs(of_batch.scores), pairs(of_batch.map), pairs(of_batch.quantized_map),
                                 rows(of_batch.context)};
    EXPECT_EQ(forward(alone, scales), expected) << to_string(scales);
  }
}

TEST(AttentionForwardTest, DoesNotDependOnTheThreadCount) {
  const AttentionProblem problem(every_length_to_20(), 4, 33, true);
  for (const AttentionScales scales :
       {AttentionScales::kNone, AttentionScales::kHead, AttentionScales::kTensor}) {
    expect_the_same_for_every_thread_count([&] { return forward(problem, scales); });
  }
}

Floats quantized_heads(const AttentionProblem& problem, AttentionScales scales) {
  Floats out(problem.query.size(), std::numeric_limits<float>::quiet_NaN());
  fake_quantize_heads(problem.shape(), scales, problem.query.data(), out.data());
  return out;
}

TEST(FakeQuantizeHeadsTest, AScaleCoversASentenceAndHead) {
  const AttentionProblem problem(every_length_to_20(), 3, 33, false);
  Floats expected(problem.query.size());
  for_each_head(problem, [&](const HeadPlace& place) {
    Floats block;
    for (std::int64_t i = 0; i < place.length * 33; ++i)
      block.push_back(problem.query[place.element(i / 33, i % 33)]);
    const Floats values = fake_quantized(block);
    for (std::int64_t i = 0; i < place.length * 33; ++i) {
      expected[place.element(i / 33, i % 33)] = values[static_cast<std::size_t>(i)];
    }
  });
  EXPECT_EQ(quantized_heads(problem, AttentionScales::kHead), expected);
}

TEST(FakeQuantizeHeadsTest, OneScaleCoversAllAndNoScaleCopies) {
  const AttentionProblem problem(every_length_to_20(), 3, 33, false);
  EXPECT_EQ(quantized_heads(problem, AttentionScales::kTensor), fake_quantized(problem.query));
  EXPECT_EQ(quantized_heads(problem, AttentionScales::kNone), problem.query);
}

TEST(FakeQuantizeHeadsTest, SaysWhetherAMagnitudeReachesTheClipUnlessItDoesNotQuantize) {
  AttentionProblem problem(every_length_to_20(), 3, 33, false);
  for (const std::size_t i : {std::size_t{0}, problem.query.size() / 2, problem.query.size() - 1}) {
    for (const float x : {1.0F, std::nextafter(kClip, 0.0F), kClip, -kClip, 9.0F}) {
      SCOPED_TRACE(base::concat(x, " at ", i));
      const float before = std::exchange(problem.query[i], x);
      const auto reaches_clip = [&](AttentionScales scales) {
        Floats out(problem.query.size());
        return fake_quantize_heads(problem.shape(), scales, problem.query.data(), out.data());
      };
      EXPECT_EQ(reaches_clip(AttentionScales::kHead), std::fabs(x) >= kClip);
      EXPECT_EQ(reaches_clip(AttentionScales::kTensor), std::fabs(x) >= kClip);
      EXPECT_FALSE(reaches_clip(AttentionScales::kNone));
      problem.query[i] = before;
    }
  }
}

TEST(FakeQuantizeHeadsTest, DoesNotDependOnTheThreadCount) {
  const AttentionProblem problem(every_length_to_20(), 4, 33, false);
  for (const AttentionScales scales : {AttentionScales::kHead, AttentionScales::kTensor}) {
    expect_the_same_for_every_thread_count([&] { return quantized_heads(problem, scales); });
  }
}

TEST(AttentionShapeTest, RaggedSizeIsTheSumOfTheHeadsSquares) {
  const std::vector<std::int64_t> cu_seqlens = {0, 3, 4, 9};
  const AttentionShape shape{.cu_seqlens = cu_seqlens, .heads = 2, .head_size = 7};
  EXPECT_EQ(shape.sentences(), 3);
  EXPECT_EQ(shape.tokens(), 9);
  EXPECT_EQ(shape.length(2), 5);
  EXPECT_EQ(shape.ragged_size(), 2 * (9 + 1 + 25));
}

}  // namespace
}  // namespace kdqat::kernels
