// Attention of one sentence, 12 heads of 64, forward and backward, with and without the terms of other
// families; beside it the plain loops of the forward pass.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/kernels/benchmarks.h"
#include "kdqat/base/error.h"
#include "kdqat/kernels/attention.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kHeads = 12;
constexpr std::int64_t kHeadSize = 64;
constexpr std::int64_t kPositions = 512;

struct AttentionData {
  explicit AttentionData(std::int64_t length_)
      : length(length_),
        cu_seqlens({0, length}),
        query(benchmark_values(1, length * kHeads * kHeadSize)),
        key(benchmark_values(2, length * kHeads * kHeadSize)),
        value(benchmark_values(3, length * kHeads * kHeadSize)),
        bias(benchmark_values(4, kHeads * (2 * length - 1))),
        positions(benchmark_values(5, kPositions * kHeads * kHeadSize)),
        scores(static_cast<std::size_t>(kHeads * length * length)),
        map(scores.size()),
        context(query.size()),
        gradients(5, std::vector<float>(std::max(query.size(), positions.size()))),
        bias_gradient(bias.size()) {
    for (std::int64_t distance = 1 - length; distance < length; ++distance) {
      indices.push_back(
          static_cast<std::int32_t>(std::clamp<std::int64_t>(distance + kPositions / 2, 0, kPositions - 1)));
    }
  }

  AttentionInput input(const AttentionTerms& terms) const {
    return {.shape = {.cu_seqlens = cu_seqlens, .heads = kHeads, .head_size = kHeadSize},
            .operands = {.query = query.data(), .key = key.data(), .value = value.data()},
            .terms = terms};
  }

  std::int64_t length;
  std::vector<std::int64_t> cu_seqlens;
  std::vector<float> query;
  std::vector<float> key;
  std::vector<float> value;
  std::vector<float> bias;
  std::vector<float> positions;
  std::vector<std::int32_t> indices;
  std::vector<float> scores;
  std::vector<float> map;
  std::vector<float> context;
  std::vector<std::vector<float>> gradients;
  std::vector<float> bias_gradient;
};

void run_forward(AttentionData& data, const AttentionTerms& terms) {
  attention_forward(data.input(terms), {.scores = data.scores.data(),
                                        .map = data.map.data(),
                                        .quantized_map = data.map.data(),
                                        .context = data.context.data()});
}

void run_backward(AttentionData& data, const AttentionTerms& terms) {
  attention_backward(
      data.input(terms), {.map = data.map.data(), .quantized_map = data.map.data()},
      {.context = data.context.data()},
      {.query = data.gradients[0].data(),
       .key = data.gradients[1].data(),
       .value = data.gradients[2].data(),
       .bias = terms.bias == nullptr ? nullptr : data.bias_gradient.data(),
       .position_key = terms.position_key == nullptr ? nullptr : data.gradients[3].data(),
       .position_query = terms.position_query == nullptr ? nullptr : data.gradients[4].data()});
}

void run_plain(AttentionData& data) {
  const std::int64_t n = data.length;
  const std::int64_t stride = kHeads * kHeadSize;
  for (std::int64_t h = 0; h < kHeads; ++h) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float* query = data.query.data() + i * stride + h * kHeadSize;
      float* scores = data.scores.data() + (h * n + i) * n;
      float* map = data.map.data() + (h * n + i) * n;
      for (std::int64_t j = 0; j < n; ++j) {
        const float* key = data.key.data() + j * stride + h * kHeadSize;
        float sum = 0.0F;
        for (std::int64_t d = 0; d < kHeadSize; ++d) sum += query[d] * key[d];
        scores[j] = sum / std::sqrt(static_cast<float>(kHeadSize));
      }
      const float largest = *std::max_element(scores, scores + n);
      float total = 0.0F;
      for (std::int64_t j = 0; j < n; ++j) total += map[j] = std::exp(scores[j] - largest);
      float* context = data.context.data() + i * stride + h * kHeadSize;
      std::fill_n(context, kHeadSize, 0.0F);
      for (std::int64_t j = 0; j < n; ++j) {
        map[j] /= total;
        const float* value = data.value.data() + j * stride + h * kHeadSize;
        for (std::int64_t d = 0; d < kHeadSize; ++d) context[d] += map[j] * value[d];
      }
    }
  }
}

}  // namespace

void register_attention_benchmarks() {
  for (const std::int64_t length : {13, 64, 128, 512, 1024}) {
    const auto data = std::make_shared<AttentionData>(length);
    const AttentionTerms disentangled{.reach = length - 1,
                                      .position_key = data->positions.data(),
                                      .key_index = data->indices.data(),
                                      .position_query = data->positions.data(),
                                      .query_index = data->indices.data(),
                                      .positions = kPositions};
    const std::vector<std::pair<std::string, AttentionTerms>> forms = {
        {"plain scores", {}},
        {"window 64", {.window = 64}},
        {"bias", {.reach = length - 1, .bias = data->bias.data()}},
        {"disentangled", disentangled}};
    const auto tokens = static_cast<double>(length);
    add_benchmark(base::concat("attention/forward/plain loops/tokens:", length), "tokens", tokens,
                  [=] { run_plain(*data); });
    for (const auto& [name, terms] : forms) {
      add_benchmark(base::concat("attention/forward/", name, "/tokens:", length), "tokens", tokens,
                    [data, terms = terms] { run_forward(*data, terms); });
      add_benchmark(base::concat("attention/backward/", name, "/tokens:", length), "tokens", tokens,
                    [data, terms = terms] { run_backward(*data, terms); });
    }
  }
}

}  // namespace kdqat::kernels
