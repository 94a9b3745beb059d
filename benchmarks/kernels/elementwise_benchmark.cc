// What runs over each element of a matrix of 256 tokens of BERT-base: activations, LayerNorm, 8-bit codes.
// Each beside a plain loop over the C library's functions.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/kernels/benchmarks.h"
#include "kdqat/kernels/activation.h"
#include "kdqat/kernels/layer_norm.h"
#include "kdqat/kernels/quantize.h"

namespace kdqat::kernels {
namespace {

constexpr std::int64_t kRows = 256;
constexpr std::int64_t kCols = 3072;
constexpr std::int64_t kCount = kRows * kCols;

struct ElementwiseData {
  std::vector<float> x = benchmark_values(1, kCount);
  std::vector<float> gate = benchmark_values(2, kCount);
  std::vector<float> out = std::vector<float>(kCount);
  std::vector<float> gradient = benchmark_values(3, kCount);
  std::vector<std::int8_t> codes = std::vector<std::int8_t>(kCount);
  std::vector<float> scales = std::vector<float>(kRows);
  std::vector<float> weight = benchmark_values(4, kCols);
  std::vector<float> bias = benchmark_values(5, kCols);
  std::vector<float> mean = std::vector<float>(kRows);
  std::vector<float> inverse = std::vector<float>(kRows);
};

using Data = std::shared_ptr<ElementwiseData>;

template <typename Function>
void add_plain_activation(const Data& data, const std::string& name, const Function& function) {
  add_benchmark("activation/" + name + "/plain loop", "elements", kCount, [=] {
    for (std::size_t i = 0; i < kCount; ++i) data->out[i] = function(data->x[i]);
  });
}

void register_activation(const Data& data, const std::string& name, Activation activation) {
  add_benchmark("activation/" + name + "/forward", "elements", kCount,
                [=] { activate(activation, data->x.data(), kCount, data->out.data()); });
  add_benchmark("activation/" + name + "/backward", "elements", kCount,
                [=] { activate_backward(activation, data->x.data(), kCount, kClip, data->gradient.data()); });
  add_benchmark("activation/" + name + "/codes", "elements", kCount, [=] {
    activate_quantize_symmetric(activation, data->x.data(), {.count = kRows, .size = kCols},
                                data->codes.data(), data->scales.data());
  });
  add_benchmark("activation/" + name + "/gated codes", "elements", kCount, [=] {
    activate_gated_quantize_symmetric(activation, {.input = data->x.data(), .gate = data->gate.data()},
                                      {.count = kRows, .size = kCols}, data->codes.data(),
                                      data->scales.data());
  });
}

void plain_layer_norm(ElementwiseData& data) {
  for (std::size_t row = 0; row < kRows; ++row) {
    const float* x = data.x.data() + row * kCols;
    float* out = data.out.data() + row * kCols;
    float mean = 0.0F;
    for (std::size_t i = 0; i < kCols; ++i) mean += x[i] / kCols;
    float variance = 0.0F;
    for (std::size_t i = 0; i < kCols; ++i) variance += (x[i] - mean) * (x[i] - mean) / kCols;
    const float inverse = 1.0F / std::sqrt(variance + 1e-12F);
    for (std::size_t i = 0; i < kCols; ++i) out[i] = (x[i] - mean) * inverse * data.weight[i] + data.bias[i];
  }
}

void plain_codes(ElementwiseData& data) {
  for (std::size_t row = 0; row < kRows; ++row) {
    const float* x = data.x.data() + row * kCols;
    float largest = 0.0F;
    for (std::size_t i = 0; i < kCols; ++i) largest = std::max(largest, std::fabs(x[i]));
    largest = std::min(largest, kClip);
    for (std::size_t i = 0; i < kCols; ++i) {
      const float clipped = std::min(std::max(x[i], -kClip), kClip);
      data.codes[row * kCols + i] = static_cast<std::int8_t>(std::nearbyint(clipped * 127.0F / largest));
    }
    data.scales[row] = largest / 127.0F;
  }
}

}  // namespace

void register_elementwise_benchmarks() {
  const auto data = std::make_shared<ElementwiseData>();
  add_plain_activation(data, "gelu", [](float x) { return 0.5F * x * std::erfc(-x * 0.70710678F); });
  register_activation(data, "gelu", Activation::kGelu);
  add_plain_activation(data, "gelu_tanh", [](float x) {
    return 0.5F * x * (1.0F + std::tanh(0.79788456F * (x + 0.044715F * x * x * x)));
  });
  register_activation(data, "gelu_tanh", Activation::kGeluTanh);
  add_plain_activation(data, "silu", [](float x) { return x / (1.0F + std::exp(-x)); });
  register_activation(data, "silu", Activation::kSilu);
  add_benchmark("layer_norm/plain loop", "elements", kCount, [=] { plain_layer_norm(*data); });
  add_benchmark("layer_norm/forward", "elements", kCount, [=] {
    layer_norm_forward({.rows = kRows, .cols = kCols, .x = data->x.data()},
                       {.weight = data->weight.data(), .bias = data->bias.data()},
                       {.mean = data->mean.data(), .inverse_deviation = data->inverse.data()},
                       data->out.data());
  });
  add_benchmark("quantize_symmetric/plain loop", "elements", kCount, [=] { plain_codes(*data); });
  add_benchmark("quantize_symmetric", "elements", kCount, [=] {
    quantize_symmetric(data->x.data(), {.count = kRows, .size = kCols}, data->codes.data(),
                       data->scales.data());
  });
}

}  // namespace kdqat::kernels
