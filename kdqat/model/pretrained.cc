#include "kdqat/model/pretrained.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/format/checkpoint.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/model/initialization.h"

namespace kdqat::model {
namespace {

using base::concat;
using base::FormatError;
using encoder::ParameterInfo;
using encoder::Role;
using format::CheckpointTensor;

bool is_floating(format::DType dtype) {
  return dtype == format::DType::kF16 || dtype == format::DType::kBF16 || dtype == format::DType::kF32 ||
         dtype == format::DType::kF64;
}

/// Shape of the tensor that a parameter is, or is a part of.
format::Shape tensor_shape(const ParameterInfo& parameter) {
  format::Shape shape = parameter.shape;
  shape[0] *= parameter.parts;
  return shape;
}

bool is_of_head(Role role) {
  return role == Role::kHeadDense || role == Role::kHeadNorm || role == Role::kClassifier;
}

/// The head that config.json's architectures name, such as "TokenClassification"; empty for a classifier of
/// sequences, for none and for those of pre-training, whose tensors the family leaves out.
std::string other_head(const encoder::EncoderConfig& config) {
  const auto architectures = config.source.find("architectures");
  if (architectures == config.source.end() || !architectures->is_array()) return "";
  for (const char* head : {"TokenClassification", "QuestionAnswering", "MultipleChoice"}) {
    for (const nlohmann::json& architecture : *architectures) {
      if (architecture.is_string() &&
          architecture.get_ref<const std::string&>().ends_with(concat("For", head)))
        return head;
    }
  }
  return "";
}

/// The tensors of a checkpoint under the names that its family writes.
class NamedTensors {
 public:
  NamedTensors(const format::Checkpoint& checkpoint, const encoder::EncoderConfig& config)
      : family_(*config.family) {
    for (const ParameterInfo& parameter : encoder::parameter_table(config))
      known_.insert(parameter.tensor_name);
    for (const CheckpointTensor& tensor : checkpoint.tensors()) add(tensor);
  }

  /// nullptr if there is none.
  const CheckpointTensor* find(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

  /// One that stands where a parameter should, but is no floating-point number.
  const CheckpointTensor* find_integer(const std::string& name) const {
    const auto found = integers_.find(name);
    return found == integers_.end() ? nullptr : &found->second;
  }

  void erase(const std::string& name) { tensors_.erase(name); }

  /// Names that no parameter has, in their order.
  std::vector<std::string> unknown() const {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) {
      if (!known_.contains(name)) names.push_back(name);
    }
    return names;
  }

  bool is_of_encoder(const std::string& name) const { return name.starts_with(family_.prefixes[0]); }

 private:
  void add(const CheckpointTensor& tensor) {
    const std::string name = canonical_name(tensor.view->name);
    if (!known_.contains(name) && is_ignored(name)) return;
    if (!is_floating(tensor.view->dtype)) {  // a buffer such as embeddings.position_ids
      integers_.emplace(name, tensor);
      return;
    }
    if (tensors_.emplace(name, tensor).second) return;
    throw FormatError(concat(tensor.where(), ": expected once, found under two spellings of '", name, "'"));
  }

  /// The name as the family writes it: with its prefix, LayerNorm's gamma and beta as weight and bias.
  std::string canonical_name(std::string name) const {
    for (const auto& [ending, replacement] :
         {std::pair{".LayerNorm.gamma", ".LayerNorm.weight"}, {".LayerNorm.beta", ".LayerNorm.bias"}}) {
      if (name.ends_with(ending))
        name.replace(name.size() - std::strlen(ending), std::string::npos, replacement);
    }
    const std::string prefix(family_.prefixes[0]);
    for (const std::string_view other : family_.prefixes) {
      if (name.starts_with(other)) return prefix + name.substr(other.size());
    }
    const std::string with_prefix = prefix + name;
    return known_.contains(with_prefix) && !known_.contains(name) ? with_prefix : name;
  }

  bool is_ignored(const std::string& name) const {
    return std::any_of(family_.ignored.begin(), family_.ignored.end(),
                       [&](std::string_view beginning) { return name.starts_with(beginning); });
  }

  const encoder::Family& family_;
  std::set<std::string> known_;
  std::map<std::string, CheckpointTensor> tensors_;
  std::map<std::string, CheckpointTensor> integers_;
};

/// Fills parameters from a checkpoint, or anew where a NewHead allows it.
class Loader {
 public:
  Loader(const std::filesystem::path& dir, const std::optional<NewHead>& new_head)
      : config_(encoder::read_encoder_config(format::find_config(dir))),
        checkpoint_(dir),
        tensors_(checkpoint_, config_),
        new_head_(new_head),
        other_head_(other_head(config_)) {}

  LoadedClassifier load() {
    if (new_head_) {
      adopt_head();
    } else {
      check_head();
    }
    const std::vector<ParameterInfo> table = encoder::parameter_table(config_);
    for (const ParameterInfo& parameter : table) check_tensor(parameter);
    reject_unknown();
    Weights weights = make_weights(config_);
    for (const NamedParameter& parameter : named_parameters(weights, config_)) {
      *parameter.tensor = read_parameter(parameter);
    }
    warn_of_new_modules();
    return {.classifier = Classifier(config_, quantization(), std::move(weights)),
            .warnings = std::move(warnings_)};
  }

 private:
  std::string where() const { return checkpoint_.path().string(); }

  void check_head() const {
    if (!other_head_.empty()) {
      throw FormatError(concat(where(), ": expected a classifier of sequences (",
                               config_.family->architecture, "), found a model for ", other_head_,
                               ": fine-tune it first"));
    }
    if (config_.num_labels == 0) {
      throw FormatError(concat(where(),
                               ": expected a classifier (config.json with num_labels or id2label), found an "
                               "encoder without one: fine-tune it first"));
    }
  }

  /// Gives config_ the head that is asked for; a head in the file of another task or size is dropped.
  void adopt_head() {
    config_.labels = new_head_->labels;
    config_.num_labels = new_head_->num_labels;
    const std::vector<ParameterInfo> table = encoder::parameter_table(config_);
    if (!other_head_.empty()) drop_head(table, concat("a head for ", other_head_));
    for (const std::string& name : tensors_.unknown()) {
      if (tensors_.is_of_encoder(name)) continue;
      warnings_.push_back(
          concat("the tensor '", name, "' of ", where(), " is of no classifier's head: it is left out"));
      tensors_.erase(name);
    }
    for (const ParameterInfo& parameter : table) {
      if (parameter.role != Role::kClassifier || parameter.is_bias) continue;
      const CheckpointTensor* const present = tensors_.find(parameter.tensor_name);
      if (present == nullptr && lacks(parameter)) {
        warnings_.emplace_back("the encoder has no classifier: a new one is initialised");
      } else if (present != nullptr && present->view->shape != parameter.shape) {
        warnings_.push_back(concat("the classifier of ", where(), " is ",
                                   format::to_string(present->view->shape), ": a new one of ",
                                   format::to_string(parameter.shape), " is initialised"));
        erase_module(parameter);
      }
    }
  }

  void drop_head(const std::vector<ParameterInfo>& table, const std::string& what) {
    warnings_.push_back(concat(where(), " has ", what, ": it is left out"));
    for (const ParameterInfo& parameter : table) {
      if (is_of_head(parameter.role)) tensors_.erase(parameter.tensor_name);
    }
  }

  static std::string module_of(const ParameterInfo& parameter) {
    return parameter.tensor_name.substr(0, parameter.tensor_name.rfind('.'));
  }

  void erase_module(const ParameterInfo& parameter) {
    for (const char* part : {".weight", ".bias"}) tensors_.erase(module_of(parameter) + part);
  }

  /// Whether the file has no part of a module.
  bool lacks(const ParameterInfo& parameter) const {
    return tensors_.find(module_of(parameter) + ".weight") == nullptr &&
           tensors_.find(module_of(parameter) + ".bias") == nullptr;
  }

  bool may_be_new(const ParameterInfo& parameter) const {
    return new_head_ && is_of_head(parameter.role) && lacks(parameter);
  }

  void check_tensor(const ParameterInfo& parameter) const {
    const format::Shape shape = tensor_shape(parameter);
    const CheckpointTensor* const found = tensors_.find(parameter.tensor_name);
    if (found == nullptr) {
      if (const CheckpointTensor* const integer = tensors_.find_integer(parameter.tensor_name)) {
        throw FormatError(concat(integer->where(), ": expected floating point (F32, F16 or BF16), found ",
                                 format::name_of(integer->view->dtype)));
      }
      if (may_be_new(parameter)) return;
      throw FormatError(concat(where(), ": tensor '", parameter.tensor_name, "': expected ",
                               format::to_string(shape), ", found none"));
    }
    if (found->view->shape != shape) {
      throw FormatError(concat(found->where(), ": expected ", format::to_string(shape),
                               " (config.json), found ", format::to_string(found->view->shape)));
    }
  }

  void reject_unknown() const {
    const std::vector<std::string> unknown = tensors_.unknown();
    if (unknown.empty()) return;
    throw FormatError(concat(tensors_.find(unknown.front())->where(), ": expected the tensors of a ",
                             config_.family->architecture, " with ", config_.num_hidden_layers,
                             " layers (config.json), found this one beside them"));
  }

  torch::Tensor read_parameter(const ParameterInfo& parameter) {
    const CheckpointTensor* const found = tensors_.find(parameter.tensor_name);
    if (found == nullptr) return new_parameter(parameter);
    torch::Tensor whole = torch::empty(tensor_shape(parameter), torch::kFloat32);
    const std::span<float> values(whole.data_ptr<float>(), static_cast<std::size_t>(whole.numel()));
    format::copy_as_float(*found->view, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        throw FormatError(
            concat(found->where(), ": expected finite values, found ", values[i], " at element ", i));
      }
    }
    if (parameter.parts == 1) return whole;
    const std::int64_t rows = parameter.shape[0];
    return whole.slice(0, parameter.part * rows, (parameter.part + 1) * rows).clone();
  }

  torch::Tensor new_parameter(const ParameterInfo& parameter) {
    torch::Tensor out = torch::zeros(parameter.shape, torch::kFloat32);
    if (parameter.is_bias) return out;
    if (parameter.role == Role::kHeadNorm) return out.fill_(1.0F);
    new_roles_.insert(parameter.role);
    const std::uint64_t stream = parameter.role == Role::kClassifier ? 1 : 2;
    draw_normal({out.data_ptr<float>(), static_cast<std::size_t>(out.numel())}, config_.initializer_range,
                new_head_->seed, stream);
    return out;
  }

  void warn_of_new_modules() {
    if (new_roles_.contains(Role::kHeadDense))
      warnings_.emplace_back("the encoder has no pooler: a new one is initialised");
  }

  std::optional<format::QuantizationConfig> quantization() const {
    const auto section = config_.source.find("kdqat");
    if (section == config_.source.end() || !section->is_object() || !section->contains("quantization"))
      return {};
    return format::quantization_config_from_json(section->at("quantization"),
                                                 "config.json: kdqat.quantization");
  }

  encoder::EncoderConfig config_;
  format::Checkpoint checkpoint_;
  NamedTensors tensors_;
  std::optional<NewHead> new_head_;
  std::string other_head_;
  std::set<Role> new_roles_;
  std::vector<std::string> warnings_;
};

/// The tensors of a checkpoint, those that parameters share put together again.
std::vector<std::pair<std::string, torch::Tensor>> checkpoint_tensors(Classifier& classifier) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const NamedParameter& parameter : classifier.parameters()) {
    const torch::Tensor value = parameter.tensor->detach().to(torch::kCPU, torch::kFloat32).contiguous();
    const auto same = std::find_if(tensors.begin(), tensors.end(),
                                   [&](const auto& tensor) { return tensor.first == parameter.tensor_name; });
    if (same == tensors.end()) {
      tensors.emplace_back(parameter.tensor_name, value);
    } else {
      same->second = torch::cat({same->second, value});
    }
  }
  return tensors;
}

}  // namespace

LoadedClassifier load_classifier(const std::filesystem::path& dir, const std::optional<NewHead>& new_head) {
  return Loader(dir, new_head).load();
}

void save_classifier(Classifier& classifier, const std::filesystem::path& dir) {
  const auto values = checkpoint_tensors(classifier);
  std::vector<format::TensorToWrite> tensors;
  for (const auto& [name, value] : values) {
    tensors.push_back({.name = name,
                       .dtype = format::DType::kF32,
                       .shape = value.sizes().vec(),
                       .bytes = std::as_bytes(
                           std::span(value.data_ptr<float>(), static_cast<std::size_t>(value.numel())))});
  }
  format::write_safetensors(dir / "model.safetensors", tensors, {{"format", "pt"}});
  nlohmann::json config = encoder::to_json(classifier.config());
  if (classifier.quantization())
    config["kdqat"]["quantization"] = format::to_json(*classifier.quantization());
  base::write_file_atomically(dir / "config.json", config.dump(2) + "\n");
}

Classifier dequantized(Classifier& student) {
  Weights values = make_weights(student.config());
  const std::vector<NamedParameter> from = student.parameters();
  const std::vector<NamedParameter> to = named_parameters(values, student.config());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const torch::Tensor latent = from[i].tensor->detach();
    const std::optional<quant::Quantizer> quantizer =
        student.quantization() ? weight_quantizer(from[i], *student.quantization()) : std::nullopt;
    if (!quantizer) {
      *to[i].tensor = latent.clone();
      continue;
    }
    *to[i].tensor =
        quant::fake_quantize(latent, *quantizer, weight_granularity(from[i], *student.quantization()));
  }
  encoder::EncoderConfig config = student.config();
  if (config.source.contains("kdqat")) {
    // The scores are those of the student, not of what is returned.
    nlohmann::json& section = config.source["kdqat"];
    section.erase("quantization");
    for (const char* key : {"scores", "step"}) {
      if (!section.contains(key)) continue;
      section["dequantized_student"][key] = section[key];
      section.erase(key);
    }
  }
  return {config, std::nullopt, std::move(values)};
}

}  // namespace kdqat::model
