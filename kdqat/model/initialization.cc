#include "kdqat/model/initialization.h"

#include "kdqat/base/random.h"

namespace kdqat::model {

void draw_normal(std::span<float> values, double deviation, std::uint64_t seed, std::uint64_t stream) {
  base::Random random(seed, stream);
  for (float& value : values) value = static_cast<float>(deviation * random.normal());
}

Weights random_weights(const format::EncoderConfig& config, std::uint64_t seed) {
  Weights weights;
  weights.layers.resize(static_cast<std::size_t>(config.num_hidden_layers));
  const auto shapes = parameter_shapes(config);
  const std::vector<NamedParameter> parameters = named_parameters(weights);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    torch::Tensor& tensor = *parameters[i].tensor;
    tensor = torch::full(shapes[i].second, name.ends_with("LayerNorm.weight") ? 1.0 : 0.0, torch::kFloat32);
    if (tensor.dim() < 2) continue;
    draw_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())},
                config.initializer_range, seed, i);
  }
  return weights;
}

}  // namespace kdqat::model
