#include <cmath>
#include <iomanip>
#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/format/checkpoint.h"
#include "kdqat/format/model_card.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/format/packed_model.h"
#include "kdqat/format/safetensors.h"
#include "kdqat/model/classifier.h"

namespace kdqat::cli {
namespace {

struct InfoConfig {
  std::filesystem::path path;
  bool json = false;
};

/// Bytes of the parameters at 32 bits and as quantized: codes of their bits, a float32 scale a tensor or row.
struct Sizes {
  std::int64_t parameters = 0;
  std::int64_t quantized_parameters = 0;
  std::int64_t float_bytes = 0;
  std::int64_t quantized_bytes = 0;
};

Sizes sizes_of(const encoder::EncoderConfig& config,
               const std::optional<format::QuantizationConfig>& quantization) {
  Sizes sizes;
  for (const encoder::ParameterInfo& parameter : encoder::parameter_table(config)) {
    const std::int64_t count = parameter.numel();
    const int bits = quantization ? model::bits_of(parameter, *quantization) : 32;
    sizes.parameters += count;
    sizes.float_bytes += 4 * count;
    if (bits == 32) {
      sizes.quantized_bytes += 4 * count;
      continue;
    }
    const bool by_row = model::weight_granularity(parameter, *quantization) == quant::Granularity::kPerRow;
    sizes.quantized_parameters += count;
    sizes.quantized_bytes += (count * bits + 7) / 8 + 4 * (by_row ? parameter.shape[0] : 1);
  }
  return sizes;
}

/// What a config says, of a directory or of a packed model.
nlohmann::json describe(const encoder::EncoderConfig& config) {
  const format::ModelCard card = format::read_model_card(config.source);
  const std::optional<format::QuantizationConfig>& quantization = card.quantization;
  const Sizes sizes = sizes_of(config, quantization);
  nlohmann::json info = {
      {"architecture",
       {{"model_type", config.family->model_type},
        {"num_hidden_layers", config.num_hidden_layers},
        {"hidden_size", config.hidden_size},
        {"num_attention_heads", config.num_attention_heads},
        {"intermediate_size", config.intermediate_size},
        {"vocab_size", config.vocab_size},
        {"max_position_embeddings", config.max_position_embeddings}}},
      {"kind", quantization            ? "student"
               : config.num_labels > 0 ? "classifier"
                                       : "encoder"},
      {"parameters", sizes.parameters},
      {"quantized_parameters", sizes.quantized_parameters},
      {"size_bytes", {{"float32", sizes.float_bytes}, {"quantized", sizes.quantized_bytes}}},
      {"labels", config.labels}};
  if (quantization) info["quantization"] = format::to_json(*quantization);
  const nlohmann::json section = format::to_json(card);
  for (const char* key : {"task", "scores", "step", "teacher", "command", "config", "version"}) {
    if (section.contains(key)) info[key] = section.at(key);
  }
  return info;
}

nlohmann::json describe_directory(const std::filesystem::path& dir) {
  nlohmann::json info = describe(encoder::read_encoder_config(format::find_config(dir)));
  const format::Checkpoint weights(dir);  // an error here, too, if it is damaged
  if (info["kind"] == "student") {
    info["note"] =
        "model.safetensors holds latent float32 weights: other programs need 'kdqat export --dequantized' "
        "first";
  }
  return info;
}

nlohmann::json describe_file(const std::filesystem::path& path) {
  const format::SafetensorsFile file(path);
  if (format::is_packed_model(file)) {
    nlohmann::json info =
        describe(encoder::encoder_config_from_json(format::read_packed_header(file).config, path.string()));
    info["kind"] = "packed student";
    info["size_bytes"]["file"] = std::filesystem::file_size(path);
    return info;
  }
  nlohmann::json tensors = nlohmann::json::array();
  for (const format::TensorView& view : file.tensors()) {
    tensors.push_back({{"name", view.name}, {"dtype", format::name_of(view.dtype)}, {"shape", view.shape}});
  }
  return {{"metadata", file.metadata()}, {"tensors", tensors}};
}

/// Nested objects as indented lines, objects of a list as a line each.
void print_text(const nlohmann::json& value, const std::string& indent) {
  for (const auto& [key, entry] : value.items()) {
    if (entry.is_object() && !entry.empty()) {
      std::cout << indent << key << ":\n";
      print_text(entry, indent + "  ");
    } else if (entry.is_array() && !entry.empty() && entry[0].is_object()) {
      std::cout << indent << key << ":\n";
      for (const nlohmann::json& element : entry) std::cout << indent << "  " << element.dump() << '\n';
    } else {
      std::cout << indent << key << ": " << (entry.is_string() ? entry.get<std::string>() : entry.dump())
                << '\n';
    }
  }
}

void run_info(const InfoConfig& config) {
  const nlohmann::json info = std::filesystem::is_directory(config.path) ? describe_directory(config.path)
                                                                         : describe_file(config.path);
  if (config.json) {
    print_json(info, 2);
  } else {
    print_text(info, "");
  }
}

}  // namespace

void register_info(CLI::App& app, Action& action) {
  const auto config = std::make_shared<InfoConfig>();
  CLI::App* command =
      app.add_subcommand("info", "What a model is: architecture, bits, sizes, task, scores, origin");
  command->add_option("PATH", config->path, "Folder of a model, or a safetensors file")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_flag("--json", config->json, "One JSON document on standard output");
  command->callback([config, &action] { action = [config] { run_info(*config); }; });
}

}  // namespace kdqat::cli
