#include "kdqat/text/post_processor.h"

#include <algorithm>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/text/json_array.h"

namespace kdqat::text {
namespace {

using base::JsonFields;
using Part = PostProcessor::Part;

constexpr std::int64_t kLargestId = std::int64_t{1} << 30;
constexpr std::size_t kMostParts = 64;

Part special(std::int32_t id, std::int32_t type_id) {
  return {.kind = Part::Kind::kSpecial, .id = id, .type_id = type_id};
}

Part sequence(Part::Kind kind, std::int32_t type_id) { return {.kind = kind, .id = 0, .type_id = type_id}; }

bool is_id(const nlohmann::json& value) {
  return value.is_number_integer() && value >= 0 && value <= kLargestId;
}

/// The id of a field ["[CLS]", 101].
std::int32_t read_token(const JsonFields& fields, std::string_view name) {
  const nlohmann::json* const token = fields.find(name);
  const bool is_token = token != nullptr && token->is_array() && token->size() == 2 &&
                        (*token)[0].is_string() && is_id((*token)[1]);
  if (!is_token) fields.fail(name, "a token and its id, [\"[CLS]\", 101]");
  return (*token)[1].get<std::int32_t>();
}

std::vector<std::int32_t> read_ids(const JsonFields& special_tokens, const std::string& name) {
  const JsonFields token = special_tokens.object(name);
  const nlohmann::json* const ids = token.find("ids");
  if (ids == nullptr || !ids->is_array() || ids->size() > kMostParts) token.fail("ids", "an array of ids");
  std::vector<std::int32_t> result;
  for (const nlohmann::json& id : *ids) {
    if (!is_id(id)) token.fail("ids", "an array of ids");
    result.push_back(id.get<std::int32_t>());
  }
  return result;
}

std::vector<Part> read_parts(const JsonFields& fields, std::string_view name) {
  const nlohmann::json* const given = fields.find(name);
  if (given == nullptr || !given->is_array() || given->size() > kMostParts) {
    fields.fail(name, base::concat("an array of up to ", kMostParts, " parts"));
  }
  std::vector<Part> parts;
  for_each_object(fields, name, [&](const JsonFields& part) {
    if (part.find("SpecialToken") != nullptr) {
      const JsonFields token = part.object("SpecialToken");
      const auto type_id = static_cast<std::int32_t>(token.integer("type_id", 0, kLargestId));
      for (const std::int32_t id : read_ids(fields.object("special_tokens"), token.string_or("id", ""))) {
        parts.push_back(special(id, type_id));
      }
      return;
    }
    const JsonFields text = part.object("Sequence");
    const std::string id = text.string_or("id", "");
    if (id != "A" && id != "B") text.fail("id", "A or B");
    parts.push_back(sequence(id == "A" ? Part::Kind::kText : Part::Kind::kPair,
                             static_cast<std::int32_t>(text.integer("type_id", 0, kLargestId))));
  });
  return parts;
}

std::int64_t count(const std::vector<Part>& parts, Part::Kind kind) {
  return std::count_if(parts.begin(), parts.end(), [&](const Part& part) { return part.kind == kind; });
}

}  // namespace

PostProcessor::PostProcessor()
    : single_{sequence(Part::Kind::kText, 0)},
      pair_{sequence(Part::Kind::kText, 0), sequence(Part::Kind::kPair, 1)} {}

PostProcessor::PostProcessor(const JsonFields& post_processor) : PostProcessor() {
  bool has_template = false;
  read(post_processor, has_template);
}

void PostProcessor::read(const JsonFields& fields, bool& has_template) {
  const std::string type = fields.string_or("type", "");
  if (type == "Sequence") {
    for_each_object(fields, "processors", [&](const JsonFields& part) { read(part, has_template); });
    return;
  }
  if (type == "ByteLevel") {
    if (fields.boolean_or("trim_offsets", true)) {
      trims_.push_back({.add_prefix_space = fields.boolean_or("add_prefix_space", true)});
    }
    return;
  }
  if (has_template) fields.fail("type", "one processor that adds special tokens");
  has_template = true;
  if (type == "TemplateProcessing") {
    read_template(fields);
  } else if (type == "BertProcessing") {
    read_bert(fields);
  } else if (type == "RobertaProcessing") {
    read_roberta(fields);
  } else {
    fields.fail("type", "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence");
  }
}

void PostProcessor::read_template(const JsonFields& fields) {
  single_ = read_parts(fields, "single");
  if (count(single_, Part::Kind::kText) != 1 || count(single_, Part::Kind::kPair) != 0) {
    fields.fail("single", "the sequence A once");
  }
  pair_ = read_parts(fields, "pair");
  if (count(pair_, Part::Kind::kText) != 1 || count(pair_, Part::Kind::kPair) != 1) {
    fields.fail("pair", "the sequences A and B once each");
  }
}

void PostProcessor::read_bert(const JsonFields& fields) {
  const std::int32_t cls = read_token(fields, "cls");
  const std::int32_t sep = read_token(fields, "sep");
  single_ = {special(cls, 0), sequence(Part::Kind::kText, 0), special(sep, 0)};
  pair_ = single_;
  pair_.push_back(sequence(Part::Kind::kPair, 1));
  pair_.push_back(special(sep, 1));
}

void PostProcessor::read_roberta(const JsonFields& fields) {
  const std::int32_t cls = read_token(fields, "cls");
  const std::int32_t sep = read_token(fields, "sep");
  single_ = {special(cls, 0), sequence(Part::Kind::kText, 0), special(sep, 0)};
  pair_ = single_;
  pair_.push_back(special(sep, 0));
  pair_.push_back(sequence(Part::Kind::kPair, 0));
  pair_.push_back(special(sep, 0));
  if (fields.boolean_or("trim_offsets", true)) {
    trims_.push_back({.add_prefix_space = fields.boolean_or("add_prefix_space", true)});
  }
}

std::int64_t PostProcessor::num_special(bool is_pair) const {
  return count(is_pair ? pair_ : single_, Part::Kind::kSpecial);
}

}  // namespace kdqat::text
