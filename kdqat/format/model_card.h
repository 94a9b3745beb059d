#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kdqat/format/quantization_config.h"

namespace kdqat::format {

/// The teacher of a student.
struct TeacherCard {
  std::string directory;
  nlohmann::json scores = nullptr;  ///< its ModelCard::scores, where it has some
};

/// The section "kdqat" of a config.json: where a model comes from and how it is to be run. Fields that are
/// null or empty are not there.
///
///   const ModelCard card = read_model_card(config.source);
///   if (card.quantization) ...                    // a student
///   config.source["kdqat"] = to_json(card);
struct ModelCard {
  std::string command = {};                         ///< "finetune" or "distill"
  std::string version = {};                         ///< of the program
  nlohmann::json config = nullptr;                  ///< the effective configuration (train/training_config.h)
  nlohmann::json task = nullptr;                    ///< as data::to_json(Task) writes it
  std::optional<std::int64_t> max_seq_length = {};  ///< tokens at which texts were cut
  std::string precision = {};                       ///< "fp32" or "bf16"
  std::optional<std::int64_t> step = {};            ///< after which update these weights were kept
  nlohmann::json scores = nullptr;  ///< by split: {"dev": {"metric", "score", "metrics", "examples"}}
  std::optional<QuantizationConfig> quantization = {};
  std::optional<TeacherCard> teacher = {};
};

/// The section of a config.json that was read; an empty one where it has none. `where` names the file in
/// messages. Throws FormatError that names the field, what was expected and what was found, for a wrong JSON
/// type, and as quantization_config_from_json does. Fields that kdqat does not know are left out.
ModelCard read_model_card(const nlohmann::json& config, const std::string& where = "config.json");

/// The section for a card.
nlohmann::json to_json(const ModelCard& card);

}  // namespace kdqat::format
