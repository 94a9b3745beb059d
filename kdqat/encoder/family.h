#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/encoder/encoder_spec.h"
#include "kdqat/encoder/modules.h"

/// Families of encoders. What kdqat knows of one stands in one file, families/<family>.cc:
///
///   const Family& bert_family() {
///     static const Family family{.model_type = "bert", .architecture = "BertForSequenceClassification",
///     ...}; return family;
///   }
namespace kdqat::encoder {

/// What a family calls a module in its checkpoints: the name of its parameters without ".weight" and ".bias",
/// a star for the number of the layer.
struct ModuleName {
  Role role = Role::kClassifier;
  std::string_view name;
  std::int64_t part = 0;  ///< where several modules share a tensor: which of `parts` equal groups of its rows
  std::int64_t parts = 1;
};

/// Fields of config.json as families read them: each of them checked, with the limits of what kdqat takes.
/// All throw FormatError that names file, field, what was expected and what was found.
class ConfigReader {
 public:
  explicit ConfigReader(const base::JsonFields& fields) : fields_(fields) {}

  const base::JsonFields& fields() const { return fields_; }

  std::int64_t vocab_size(std::string_view name) const;
  std::int64_t hidden_size(std::string_view name) const;
  std::int64_t layers(std::string_view name) const;
  std::int64_t heads(std::string_view name) const;
  std::int64_t intermediate_size(std::string_view name) const;
  std::int64_t positions(std::string_view name) const;
  std::int64_t token_types(std::string_view name, std::int64_t minimum, std::int64_t fallback) const;

  /// pad_token_id, within the vocabulary.
  std::int64_t pad_token_id(std::int64_t fallback, std::int64_t vocab_size) const;

  /// A distance or number of positions that may be -1: none.
  std::int64_t distance(std::string_view name, std::int64_t fallback) const;

  /// A probability of dropping out, at least 0 and below 1.
  double dropout(std::string_view name, double fallback) const;

  /// A number above 0.
  double positive(std::string_view name, double fallback) const;

  /// An activation by Hugging Face's name: gelu, gelu_python, gelu_new, gelu_fast, gelu_pytorch_tanh, relu,
  /// silu, swish, tanh.
  kernels::Activation activation(std::string_view name, std::string_view fallback) const;

  /// Refuses a field that is there with another value.
  void expect(std::string_view name, const nlohmann::json& value) const;

  /// The sizes under BERT's names, layer_norm_eps, initializer_range, dropout of hidden states and maps.
  void read_bert_fields(EncoderSpec& spec) const;

 private:
  const base::JsonFields& fields_;
};

struct Family {
  std::string_view model_type;    ///< of config.json
  std::string_view architecture;  ///< the class that Hugging Face loads a classifier with
  /// What names of the encoder's tensors begin with, first as written, then as other files may have it. A
  /// file of the encoder alone has names without it.
  std::vector<std::string_view> prefixes;
  std::vector<ModuleName> modules;  ///< every module that an encoder of this family may have
  /// Beginnings of names of tensors that are no part of a classifier: heads of pre-training.
  std::vector<std::string_view> ignored;
  void (*read)(const ConfigReader& config, EncoderSpec& spec);  ///< fills the spec; throws FormatError
};

/// The family of a model_type; nullptr if kdqat does not know it.
const Family* find_family(std::string_view model_type);

/// All families, for messages and tests.
std::span<const Family* const> families();

/// Makes another family known, for programs that bring their own; it must outlive all use. Throws
/// InvalidArgument if its model_type is known already. Not safe beside other calls.
void register_family(const Family& family);

}  // namespace kdqat::encoder
