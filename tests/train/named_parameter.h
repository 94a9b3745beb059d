#pragma once

#include <string>

#include "kdqat/model/weights.h"

namespace kdqat::train {

/// A parameter that stands in no model. Names of biases and norms do not decay, as in the parameter table.
inline model::NamedParameter named_parameter(const std::string& name, torch::Tensor& tensor) {
  model::NamedParameter parameter;
  parameter.name = name;
  parameter.is_bias = name.ends_with(".bias");
  parameter.decays = !parameter.is_bias && name.find("LayerNorm") == std::string::npos;
  parameter.tensor = &tensor;
  return parameter;
}

}  // namespace kdqat::train
