#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kdqat/encoder/encoder_config.h"
#include "kdqat/encoder/modules.h"

namespace kdqat::encoder {

/// What quantizes a parameter of a student.
enum class QuantizedAs {
  kNone,
  kWordEmbeddings,  ///< one scale a row
  kLinear,
};

/// One parameter of a model: where it stands, what it is called, what may be done with it.
struct ParameterInfo {
  std::string name;  ///< of its tensor; with "#<role>" behind it where it is a part of one
  std::vector<std::int64_t> shape;
  Role role = Role::kClassifier;
  bool is_bias = false;
  std::int64_t layer = -1;  ///< -1: of no layer
  std::string tensor_name;  ///< name in a checkpoint, as Hugging Face writes it
  std::int64_t part = 0;    ///< which of `parts` equal groups of the tensor's rows
  std::int64_t parts = 1;
  QuantizedAs quantized_as = QuantizedAs::kNone;
  bool decays = true;  ///< whether weight decay applies: not to biases and norms

  std::int64_t numel() const;
};

/// Every parameter of an encoder with its classifier, in a fixed order: embeddings, layers, head. A weight
/// stands before the bias of its module. Nothing is allocated for the values.
///
///   for (const ParameterInfo& parameter : parameter_table(config)) std::cout << parameter.name << '\n';
///   // bert.embeddings.word_embeddings.weight ...
std::vector<ParameterInfo> parameter_table(const EncoderConfig& config);

/// Number of parameters of a classifier of this configuration.
std::int64_t count_parameters(const EncoderConfig& config);

}  // namespace kdqat::encoder
