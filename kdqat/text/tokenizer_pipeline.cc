#include "kdqat/text/tokenizer_pipeline.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using base::JsonFields;
using nlohmann::json;

/// The ids of a document's tokens: those of the model's vocabulary and the added ones.
class TokenIndex {
 public:
  explicit TokenIndex(const json& document) {
    const auto vocab = document.at("model").find("vocab");
    if (vocab != document.at("model").end()) read_vocab(*vocab);
    next_id_ = size_;
    if (!document.contains("added_tokens")) return;
    for (const json& token : document.at("added_tokens")) {
      const auto content = token.find("content");
      const auto id = token.find("id");
      if (content == token.end() || id == token.end() || !content->is_string() || !id->is_number_integer())
        continue;
      ids_[content->get_ref<const std::string&>()] = id->get<std::int64_t>();
      next_id_ = std::max(next_id_, id->get<std::int64_t>() + 1);
    }
  }

  std::optional<std::int64_t> find(const std::string& token) const {
    const auto entry = ids_.find(token);
    if (entry == ids_.end()) return std::nullopt;
    return entry->second;
  }

  std::int64_t size() const { return size_; }

  /// Gives a new token the next id.
  std::int64_t add(const std::string& token) {
    ids_[token] = next_id_;
    return next_id_++;
  }

 private:
  void read_vocab(const json& vocab) {
    size_ = static_cast<std::int64_t>(vocab.size());
    if (vocab.is_object()) {
      for (const auto& [token, id] : vocab.items()) {
        if (id.is_number_integer()) ids_[token] = id.get<std::int64_t>();
      }
      return;
    }
    for (std::size_t i = 0; vocab.is_array() && i < vocab.size(); ++i) {
      const json& piece = vocab[i];
      if (piece.is_array() && !piece.empty() && piece[0].is_string()) {
        ids_[piece[0].get<std::string>()] = static_cast<std::int64_t>(i);
      }
    }
  }

  std::unordered_map<std::string, std::int64_t> ids_;
  std::int64_t size_ = 0;
  std::int64_t next_id_ = 0;
};

json special_part(const std::string& name, int type_id) {
  return {{"SpecialToken", {{"id", name}, {"type_id", type_id}}}};
}

json text_part(const char* name, int type_id) { return {{"Sequence", {{"id", name}, {"type_id", type_id}}}}; }

/// first A last, first A last (last) B last.
json make_template(const std::string& first, const std::string& last, bool doubles_last, int pair_type) {
  json single = json::array({special_part(first, 0), text_part("A", 0), special_part(last, 0)});
  json pair = single;
  if (doubles_last) pair.push_back(special_part(last, 0));
  pair.push_back(text_part("B", pair_type));
  pair.push_back(special_part(last, pair_type));
  return {{"type", "TemplateProcessing"}, {"single", std::move(single)}, {"pair", std::move(pair)}};
}

/// What RobertaProcessing does.
json make_roberta_processor(const std::string& first, const std::string& last, bool trim_offsets,
                            bool add_prefix_space) {
  const json trim = {
      {"type", "ByteLevel"}, {"trim_offsets", trim_offsets}, {"add_prefix_space", add_prefix_space}};
  return {{"type", "Sequence"}, {"processors", json::array({trim, make_template(first, last, true, 0)})}};
}

json metaspace(const char* scheme) {
  return {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", true}};
}

json bert_normalizer(const JsonFields& config) {
  json strip_accents;
  if (config.find("strip_accents") != nullptr) strip_accents = config.boolean_or("strip_accents", false);
  return {{"type", "BertNormalizer"},
          {"clean_text", true},
          {"handle_chinese_chars", config.boolean_or("tokenize_chinese_chars", true)},
          {"strip_accents", std::move(strip_accents)},
          {"lowercase", config.boolean_or("do_lower_case", true)}};
}

void make_word_piece(TokenizerClass tokenizer_class, PipelineInputs& inputs, json& document) {
  document["normalizer"] = bert_normalizer(inputs.config);
  document["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  document["model"] = std::move(inputs.vocabulary);
  document["model"]["type"] = "WordPiece";
  document["model"]["unk_token"] = inputs.special.content(SpecialTokens::kUnk);
  const std::string& first = inputs.special.content(SpecialTokens::kCls);
  const std::string& last = inputs.special.content(SpecialTokens::kSep);
  document["post_processor"] = tokenizer_class == TokenizerClass::kBert
                                   ? make_template(first, last, /*doubles_last=*/false, /*pair_type=*/1)
                                   : make_roberta_processor(first, last, /*trim_offsets=*/true, false);
}

void make_roberta(PipelineInputs& inputs, json& document) {
  const bool add_prefix_space = inputs.config.boolean_or("add_prefix_space", false);
  const bool trim_offsets = inputs.config.boolean_or("trim_offsets", true);
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", true}};
  document["model"] = std::move(inputs.vocabulary);
  document["model"]["type"] = "BPE";
  document["post_processor"] =
      make_roberta_processor(inputs.special.content(SpecialTokens::kCls),
                             inputs.special.content(SpecialTokens::kSep), trim_offsets, add_prefix_space);
}

json unigram_model(PipelineInputs& inputs, std::int64_t unk_id) {
  json model = std::move(inputs.vocabulary);
  model["type"] = "Unigram";
  model["unk_id"] = unk_id;
  return model;
}

/// The position of a token in a list of tokens and scores, where its score is 0 or need not be.
std::optional<std::int64_t> find_piece(const json& model, const std::string& token, bool needs_zero) {
  const auto vocab = model.find("vocab");
  if (vocab == model.end() || !vocab->is_array()) return std::nullopt;
  for (std::size_t i = 0; i < vocab->size(); ++i) {
    const json& piece = (*vocab)[i];
    if (piece.is_array() && piece.size() == 2 && piece[0] == token && (!needs_zero || piece[1] == 0.0)) {
      return static_cast<std::int64_t>(i);
    }
  }
  return std::nullopt;
}

void make_xlm_roberta(TokenizerClass tokenizer_class, PipelineInputs& inputs, json& document) {
  const bool add_prefix_space = inputs.config.boolean_or("add_prefix_space", true);
  document["normalizer"] = nullptr;
  if (!inputs.charsmap.empty()) {
    document["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", std::move(inputs.charsmap)}};
  }
  document["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       json::array({{{"type", "WhitespaceSplit"}}, metaspace(add_prefix_space ? "always" : "never")})}};
  const bool is_camembert = tokenizer_class == TokenizerClass::kCamembert;
  const std::int64_t unk_id =
      is_camembert
          ? find_piece(inputs.vocabulary, inputs.special.content(SpecialTokens::kUnk), false).value_or(0)
          : 3;
  document["model"] = unigram_model(inputs, unk_id);
  document["post_processor"] = make_template(inputs.special.content(SpecialTokens::kBos),
                                             inputs.special.content(SpecialTokens::kEos), true, 0);
}

void make_deberta_v2(PipelineInputs& inputs, json& document) {
  const JsonFields& config = inputs.config;
  json normalizers = json::array();
  if (config.boolean_or("do_lower_case", false)) normalizers.push_back({{"type", "Lowercase"}});
  normalizers.push_back(
      {{"type", "Replace"}, {"pattern", {{"Regex", "\\s{2,}|[\\n\\r\\t]"}}}, {"content", " "}});
  normalizers.push_back({{"type", "NFC"}});
  normalizers.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
  document["normalizer"] = {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}};
  json pre_tokenizers = json::array();
  if (config.boolean_or("split_by_punct", false)) {
    pre_tokenizers.push_back({{"type", "Punctuation"}, {"behavior", "Isolated"}});
  }
  pre_tokenizers.push_back(metaspace(config.boolean_or("add_prefix_space", true) ? "always" : "first"));
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", std::move(pre_tokenizers)}};
  const std::int64_t given = inputs.vocabulary.value("unk_id", config.integer_or("unk_id", 0, INT32_MAX, 1));
  const auto found = find_piece(inputs.vocabulary, inputs.special.content(SpecialTokens::kUnk), true);
  document["model"] = unigram_model(inputs, found.value_or(given));
  document["post_processor"] = make_template(inputs.special.content(SpecialTokens::kCls),
                                             inputs.special.content(SpecialTokens::kSep), false, 1);
}

/// Fills in the ids of a template's special tokens.
void fill_template(json& processor, const TokenIndex& index, const std::string& where) {
  if (processor.at("type") == "Sequence") {
    for (json& part : processor.at("processors")) fill_template(part, index, where);
    return;
  }
  if (processor.at("type") != "TemplateProcessing") return;
  json tokens = json::object();
  for (const json& part : processor.at("pair")) {
    if (!part.contains("SpecialToken")) continue;
    const std::string name = part.at("SpecialToken").at("id");
    const std::optional<std::int64_t> id = index.find(name);
    if (!id) {
      throw FormatError(concat(where, ": expected the token ", name, ", found none among ", index.size()));
    }
    tokens[name] = {{"id", name}, {"ids", {*id}}, {"tokens", {name}}};
  }
  processor["special_tokens"] = std::move(tokens);
}

}  // namespace

json make_pipeline(TokenizerClass tokenizer_class, PipelineInputs inputs) {
  json document = {{"version", "1.0"}, {"added_tokens", json::array()}};
  switch (tokenizer_class) {
    case TokenizerClass::kBert:
    case TokenizerClass::kMpnet:
      make_word_piece(tokenizer_class, inputs, document);
      break;
    case TokenizerClass::kRoberta:
      make_roberta(inputs, document);
      break;
    case TokenizerClass::kXlmRoberta:
    case TokenizerClass::kCamembert:
      make_xlm_roberta(tokenizer_class, inputs, document);
      break;
    case TokenizerClass::kDebertaV2:
      make_deberta_v2(inputs, document);
      break;
    case TokenizerClass::kFile:
      break;
  }
  add_special_tokens(inputs.special, tokenizer_class, document);
  fill_template(document.at("post_processor"), TokenIndex(document), inputs.where);
  return document;
}

void add_special_tokens(const SpecialTokens& special, TokenizerClass tokenizer_class, json& document) {
  TokenIndex index(document);
  json& added = document["added_tokens"];
  if (!added.is_array()) added = json::array();
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < added.size(); ++i) {
    if (added[i].is_object() && added[i].contains("content") && added[i]["content"].is_string()) {
      places[added[i]["content"].get<std::string>()] = i;
    }
  }
  const auto put = [&](AddedToken token) {
    const std::optional<std::int64_t> known = index.find(token.content);
    token.id = static_cast<std::int32_t>(known ? *known : index.add(token.content));
    const auto [place, is_new] = places.try_emplace(token.content, added.size());
    if (is_new) {
      added.push_back(to_json(token));
    } else {
      added[place->second] = to_json(token);
    }
  };
  for (const auto& [id, token] : special.listed()) put(token);
  const bool adds_defaults =
      tokenizer_class != TokenizerClass::kBert && tokenizer_class != TokenizerClass::kMpnet;
  for (const std::optional<SpecialTokens::Named>& named : special.named()) {
    if (!named || places.contains(named->token.content)) continue;
    if (named->is_given || adds_defaults || index.find(named->token.content)) put(named->token);
  }
  for (const AddedToken& token : special.extra()) {
    if (!places.contains(token.content)) put(token);
  }
}

}  // namespace kdqat::text
