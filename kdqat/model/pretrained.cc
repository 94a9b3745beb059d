#include "kdqat/model/pretrained.h"

#include <cmath>
#include <map>

#include "kdqat/base/error.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/format/safetensors.h"
#include "kdqat/model/initialization.h"

namespace kdqat::model {
namespace {

using format::SafetensorsFile;
using format::TensorView;

bool is_floating(format::DType dtype) {
  return dtype == format::DType::kF16 || dtype == format::DType::kBF16 || dtype == format::DType::kF32 ||
         dtype == format::DType::kF64;
}

void replace_ending(std::string& name, std::string_view ending, std::string_view replacement) {
  if (name.ends_with(ending)) name.replace(name.size() - ending.size(), ending.size(), replacement);
}

/// The name that named_parameters uses for a tensor of a checkpoint.
std::string canonical_name(std::string name) {
  if (name.starts_with("embeddings.") || name.starts_with("encoder.") || name.starts_with("pooler.")) {
    name.insert(0, "bert.");
  }
  replace_ending(name, "LayerNorm.gamma", "LayerNorm.weight");
  replace_ending(name, "LayerNorm.beta", "LayerNorm.bias");
  return name;
}

/// Fills parameters from a checkpoint, or anew where a NewHead allows it.
class Loader {
 public:
  Loader(const std::filesystem::path& dir, const std::optional<NewHead>& new_head)
      : config_(format::read_encoder_config(format::find_config(dir))),
        file_(format::find_weights(dir)),
        new_head_(new_head) {
    index_tensors();
  }

  LoadedClassifier load() {
    if (new_head_) adopt_head();
    if (config_.num_labels == 0) {
      throw base::FormatError(
          base::concat(file_.path().string(),
                       ": expected a classifier (config.json with num_labels or id2label), found an "
                       "encoder without one: fine-tune it first"));
    }
    const auto shapes = parameter_shapes(config_);
    for (const auto& [name, shape] : shapes) check_tensor(name, shape);
    reject_unknown(shapes);

    Weights weights;
    weights.layers.resize(static_cast<std::size_t>(config_.num_hidden_layers));
    const std::vector<NamedParameter> parameters = named_parameters(weights);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      *parameters[i].tensor = read_parameter(shapes[i].first, shapes[i].second);
    }
    return {.classifier = Classifier(config_, quantization(), std::move(weights)),
            .warnings = std::move(warnings_)};
  }

 private:
  void index_tensors() {
    for (const TensorView& view : file_.tensors()) {
      // Heads of pre-training, and buffers such as embeddings.position_ids.
      if (view.name.starts_with("cls.") || !is_floating(view.dtype)) {
        integers_.emplace(canonical_name(view.name), &view);
        continue;
      }
      if (!tensors_.emplace(canonical_name(view.name), &view).second) {
        throw base::FormatError(base::concat(file_.path().string(), ": tensor '", view.name,
                                             "': expected once, found under two spellings of '",
                                             canonical_name(view.name), "'"));
      }
    }
  }

  /// Gives config_ the head that is asked for; a head in the file of another size is dropped.
  void adopt_head() {
    const auto present = tensors_.find("classifier.weight");
    const format::Shape wanted = {new_head_->num_labels, config_.hidden_size};
    if (lacks("classifier")) {
      warnings_.emplace_back("the encoder has no classifier: a new one is initialised");
    } else if (present != tensors_.end() && present->second->shape != wanted) {
      warnings_.push_back(base::concat("the classifier of ", file_.path().string(), " is ",
                                       format::to_string(present->second->shape), ": a new one of ",
                                       format::to_string(wanted), " is initialised"));
      tensors_.erase("classifier.weight");
      tensors_.erase("classifier.bias");
    }
    config_.labels = new_head_->labels;
    config_.num_labels = new_head_->num_labels;
  }

  /// Whether the file has no part of a linear layer.
  bool lacks(const std::string& layer) const {
    return !tensors_.contains(layer + ".weight") && !tensors_.contains(layer + ".bias");
  }

  bool may_be_new(const std::string& name) const {
    const std::string layer = name.substr(0, name.rfind('.'));
    return new_head_ && (layer == "classifier" || layer == "bert.pooler.dense") && lacks(layer);
  }

  void check_tensor(const std::string& name, const format::Shape& shape) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      const auto integer = integers_.find(name);
      if (integer != integers_.end()) {
        throw base::FormatError(base::concat(file_.path().string(), ": tensor '", integer->second->name,
                                             "': expected floating point (F32, F16 or BF16), found ",
                                             format::name_of(integer->second->dtype)));
      }
      if (may_be_new(name)) return;
      throw base::FormatError(base::concat(file_.path().string(), ": tensor '", name, "': expected ",
                                           format::to_string(shape), ", found none"));
    }
    if (found->second->shape != shape) {
      throw base::FormatError(base::concat(file_.path().string(), ": tensor '", found->second->name,
                                           "': expected ", format::to_string(shape), " (config.json), found ",
                                           format::to_string(found->second->shape)));
    }
  }

  void reject_unknown(const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes) const {
    std::map<std::string, const TensorView*> unknown = tensors_;
    for (const auto& [name, shape] : shapes) unknown.erase(name);
    if (unknown.empty()) return;
    throw base::FormatError(base::concat(file_.path().string(), ": tensor '", unknown.begin()->second->name,
                                         "': expected the tensors of a BERT classifier with ",
                                         config_.num_hidden_layers,
                                         " layers (config.json), found this one beside them"));
  }

  torch::Tensor read_parameter(const std::string& name, const format::Shape& shape) {
    torch::Tensor out = torch::zeros(shape, torch::kFloat32);
    float* data = out.data_ptr<float>();
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      draw(name, {data, static_cast<std::size_t>(out.numel())});
      return out;
    }
    format::copy_as_float(*found->second, {data, static_cast<std::size_t>(out.numel())});
    for (std::int64_t i = 0; i < out.numel(); ++i) {
      if (!std::isfinite(data[i])) {
        throw base::FormatError(base::concat(file_.path().string(), ": tensor '", found->second->name,
                                             "': expected finite values, found ", data[i], " at element ",
                                             i));
      }
    }
    return out;
  }

  void draw(const std::string& name, std::span<float> values) {
    if (name.ends_with(".bias")) return;
    if (name.starts_with("bert.pooler."))
      warnings_.emplace_back("the encoder has no pooler: a new one is initialised");
    draw_normal(values, config_.initializer_range, new_head_->seed, name.starts_with("classifier.") ? 1 : 2);
  }

  std::optional<format::QuantizationConfig> quantization() const {
    const auto section = config_.source.find("kdqat");
    if (section == config_.source.end() || !section->is_object() || !section->contains("quantization"))
      return {};
    return format::quantization_config_from_json(section->at("quantization"),
                                                 "config.json: kdqat.quantization");
  }

  format::EncoderConfig config_;
  SafetensorsFile file_;
  std::optional<NewHead> new_head_;
  std::map<std::string, const TensorView*> tensors_;   ///< by canonical name
  std::map<std::string, const TensorView*> integers_;  ///< ignored ones, for messages
  std::vector<std::string> warnings_;
};

}  // namespace

LoadedClassifier load_classifier(const std::filesystem::path& dir, const std::optional<NewHead>& new_head) {
  return Loader(dir, new_head).load();
}

void save_classifier(Classifier& classifier, const std::filesystem::path& dir) {
  std::vector<torch::Tensor> values;
  std::vector<format::TensorToWrite> tensors;
  for (const NamedParameter& parameter : classifier.parameters()) {
    values.push_back(parameter.tensor->detach().to(torch::kCPU, torch::kFloat32).contiguous());
    const torch::Tensor& value = values.back();
    tensors.push_back({.name = parameter.name,
                       .dtype = format::DType::kF32,
                       .shape = value.sizes().vec(),
                       .bytes = std::as_bytes(
                           std::span(value.data_ptr<float>(), static_cast<std::size_t>(value.numel())))});
  }
  format::write_safetensors(dir / "model.safetensors", tensors, {{"format", "pt"}});
  nlohmann::json config = format::to_json(classifier.config());
  if (classifier.quantization())
    config["kdqat"]["quantization"] = format::to_json(*classifier.quantization());
  base::write_file_atomically(dir / "config.json", config.dump(2) + "\n");
}

Classifier dequantized(Classifier& student) {
  Weights values;
  values.layers.resize(student.weights().layers.size());
  const std::vector<NamedParameter> from = student.parameters();
  const std::vector<NamedParameter> to = named_parameters(values);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const torch::Tensor latent = from[i].tensor->detach();
    const std::optional<quant::Quantizer> quantizer =
        student.quantization() ? weight_quantizer(from[i].name, *student.quantization()) : std::nullopt;
    if (!quantizer) {
      *to[i].tensor = latent.clone();
      continue;
    }
    *to[i].tensor =
        quant::fake_quantize(latent, *quantizer, weight_granularity(from[i].name, *student.quantization()));
  }
  format::EncoderConfig config = student.config();
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
