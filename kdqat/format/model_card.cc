#include "kdqat/format/model_card.h"

#include "kdqat/base/json.h"

namespace kdqat::format {
namespace {

using base::JsonFields;
using nlohmann::json;

json value_or_null(const JsonFields& fields, const char* name) {
  const json* value = fields.find(name);
  return value == nullptr ? json() : *value;
}

void set_unless_empty(json& section, const char* name, const std::string& text) {
  if (!text.empty()) section[name] = text;
}

void set_unless_null(json& section, const char* name, const json& value) {
  if (!value.is_null()) section[name] = value;
}

}  // namespace

ModelCard read_model_card(const json& config, const std::string& where) {
  const auto section = config.is_object() ? config.find("kdqat") : config.end();
  if (section == config.end() || !section->is_object()) return {};
  const JsonFields fields(*section, where + ": kdqat");
  ModelCard card{.command = fields.string_or("command", ""),
                 .version = fields.string_or("version", ""),
                 .config = value_or_null(fields, "config"),
                 .task = value_or_null(fields, "task"),
                 .max_seq_length = fields.optional_integer("max_seq_length"),
                 .precision = fields.string_or("precision", ""),
                 .step = fields.optional_integer("step"),
                 .scores = value_or_null(fields, "scores")};
  if (const json* quantization = fields.find("quantization"))
    card.quantization = quantization_config_from_json(*quantization, where + ": kdqat.quantization");
  if (const std::optional<JsonFields> teacher = fields.optional_object("teacher")) {
    card.teacher = TeacherCard{.directory = teacher->string_or("directory", ""),
                               .scores = value_or_null(*teacher, "scores")};
  }
  return card;
}

json to_json(const ModelCard& card) {
  json section = json::object();
  set_unless_empty(section, "command", card.command);
  set_unless_empty(section, "version", card.version);
  set_unless_null(section, "config", card.config);
  set_unless_null(section, "task", card.task);
  if (card.max_seq_length) section["max_seq_length"] = *card.max_seq_length;
  set_unless_empty(section, "precision", card.precision);
  if (card.step) section["step"] = *card.step;
  set_unless_null(section, "scores", card.scores);
  if (card.quantization) section["quantization"] = to_json(*card.quantization);
  if (card.teacher) {
    json& teacher = section["teacher"] = {{"directory", card.teacher->directory}};
    set_unless_null(teacher, "scores", card.teacher->scores);
  }
  return section;
}

}  // namespace kdqat::format
