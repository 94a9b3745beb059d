#include "kdqat/model/initialization.h"

#include "kdqat/base/random.h"

namespace kdqat::model {

void draw_normal(std::span<float> values, double deviation, std::uint64_t seed, std::uint64_t stream) {
  base::Random random(seed, stream);
  for (float& value : values) value = static_cast<float>(deviation * random.normal());
}

Weights random_weights(const encoder::EncoderConfig& config, std::uint64_t seed) {
  Weights weights = make_weights(config);
  std::uint64_t stream = 0;
  for (const NamedParameter& parameter : named_parameters(weights, config)) {
    torch::Tensor& tensor = *parameter.tensor;
    const bool is_norm_weight = parameter.shape.size() == 1 && !parameter.is_bias;
    tensor = torch::full(parameter.shape, is_norm_weight ? 1.0 : 0.0, torch::kFloat32);
    if (tensor.dim() >= 2) {
      draw_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
                  config.initializer_range, seed, stream);
    }
    ++stream;
  }
  return weights;
}

}  // namespace kdqat::model
