#include "kdqat/text/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/json.h"
#include "kdqat/text/base64.h"
#include "kdqat/text/bert_document.h"
#include "kdqat/text/sentencepiece_model.h"
#include "kdqat/text/special_tokens.h"
#include "kdqat/text/tokenizer_class.h"
#include "kdqat/text/tokenizer_pipeline.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

namespace fs = std::filesystem;
using base::concat;
using base::FormatError;
using base::JsonFields;
using nlohmann::json;

constexpr const char* kTokenizerJson = "tokenizer.json";
constexpr const char* kVocabTxt = "vocab.txt";
constexpr const char* kVocabJson = "vocab.json";
constexpr std::array kFiles = {kTokenizerJson,
                               kVocabTxt,
                               kVocabJson,
                               "sentencepiece.bpe.model",
                               "spm.model",
                               "merges.txt",
                               "tokenizer_config.json",
                               "special_tokens_map.json",
                               "added_tokens.json"};
constexpr std::size_t kVocabularies = 5;  // the first of kFiles

/// Also true where the system does not say, so that reading the file tells why.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() != fs::file_type::not_found;
}

/// A JSON file that may be absent, and is an empty object then.
class OptionalJson {
 public:
  explicit OptionalJson(const fs::path& path)
      : json_(is_there(path) ? base::read_json_file(path) : json::object()), fields_(json_, path.string()) {}
  OptionalJson(const OptionalJson&) = delete;  // the fields refer to the document
  OptionalJson& operator=(const OptionalJson&) = delete;

  const JsonFields& fields() const { return fields_; }

 private:
  json json_;
  JsonFields fields_;
};

/// What a class takes from the files: a vocabulary, as in tokenizer.json's "model", and a character map.
struct Vocabulary {
  json model;
  std::string charsmap = {};
};

/// The value of a normalizer, or of a Sequence's first, of type Precompiled.
std::string find_charsmap(const JsonFields& tokenizer) {
  const json* const normalizer = tokenizer.find("normalizer");
  if (normalizer == nullptr || !normalizer->is_object()) return "";
  const bool is_sequence = normalizer->value("type", "") == "Sequence" &&
                           normalizer->contains("normalizers") && normalizer->at("normalizers").is_array();
  const json list = is_sequence ? normalizer->at("normalizers") : json::array({*normalizer});
  for (const json& part : list) {
    if (part.is_object() && part.value("type", json()) == "Precompiled" &&
        part.contains("precompiled_charsmap") && part.at("precompiled_charsmap").is_string()) {
      return part.at("precompiled_charsmap").get<std::string>();
    }
  }
  return "";
}

/// Whether a class can take the vocabulary of a tokenizer.json; else the file stands as it is.
bool takes_model(TokenizerClass tokenizer_class, const JsonFields& tokenizer) {
  const std::string type = tokenizer.object("model").string_or("type", "");
  switch (tokenizer_class) {
    case TokenizerClass::kBert:
    case TokenizerClass::kMpnet:
      return type == "WordPiece";
    case TokenizerClass::kRoberta:
      return type == "BPE";
    case TokenizerClass::kXlmRoberta:
    case TokenizerClass::kCamembert:
    case TokenizerClass::kDebertaV2:
      return type == "Unigram";
    case TokenizerClass::kFile:
      break;
  }
  return false;
}

Vocabulary read_vocab_txt(const fs::path& path) {
  std::vector<std::string> tokens = split_lines(base::read_file(path));
  for (std::string& token : tokens) {
    while (!token.empty() && find_invalid_utf8(token) == std::nullopt) {
      const std::size_t last = previous_character(token, token.size());
      std::size_t next = last;
      if (!is_whitespace(next_character(token, next))) break;
      token.resize(last);
    }
  }
  return {.model = {{"vocab", index_vocabulary(tokens, path.string())}}};
}

Vocabulary read_vocab_json(const fs::path& vocab, const fs::path& merges) {
  json pairs = json::array();
  const std::string text = base::read_file(merges);
  if (const auto position = find_invalid_utf8(text)) {
    throw FormatError(
        concat(merges.string(), ": expected UTF-8, found an invalid byte at position ", *position));
  }
  for (std::string& line : split_lines(text)) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.starts_with("#version") && !line.empty()) pairs.push_back(std::move(line));
  }
  json tokens = base::read_json_file(vocab);
  if (!tokens.is_object()) {
    throw FormatError(concat(vocab.string(), ": expected a JSON object, found ", base::describe(tokens)));
  }
  return {.model = {{"vocab", std::move(tokens)}, {"merges", std::move(pairs)}}};
}

json score(std::string token, double value) { return json::array({std::move(token), value}); }

/// The pieces of a sentencepiece model in the order of ids that a class gives them, and its control and user
/// defined pieces as tokens that are found in the text itself.
Vocabulary read_sentencepiece(const fs::path& path, TokenizerClass tokenizer_class,
                              const SpecialTokens& special, std::vector<AddedToken>& added) {
  SentencePieceModel model = parse_sentencepiece_model(base::read_file(path), path.string());
  json vocab = json::array();
  std::size_t first = 0;
  using Name = SpecialTokens::Name;
  if (tokenizer_class == TokenizerClass::kXlmRoberta) {
    for (const Name name : {Name::kBos, Name::kPad, Name::kEos, Name::kUnk}) {
      vocab.push_back(score(special.content(name), 0.0));
    }
    first = 3;
  } else if (tokenizer_class == TokenizerClass::kCamembert) {
    vocab = json::array({score("<s>NOTUSED", 0.0), score(special.content(Name::kPad), 0.0),
                         score("</s>NOTUSED", 0.0), score(special.content(Name::kUnk), 0.0),
                         score("<unk>NOTUSED", -100.0)});
    first = 1;
  }
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    const bool is_control = piece.type == SentencePieceModel::PieceType::kControl;
    if (is_control || piece.type == SentencePieceModel::PieceType::kUserDefined) {
      added.push_back({.id = 0, .content = piece.piece});
    }
    if (i >= first) vocab.push_back(score(piece.piece, piece.score));
  }
  if (first > 0) vocab.push_back(score(special.content(Name::kMask), 0.0));
  return {.model = {{"vocab", std::move(vocab)}, {"unk_id", model.unk_id}},
          .charsmap = model.precompiled_charsmap.empty() ? "" : encode_base64(model.precompiled_charsmap)};
}

/// The file that a class without tokenizer.json has its vocabulary in.
const char* vocabulary_file(TokenizerClass tokenizer_class) {
  switch (tokenizer_class) {
    case TokenizerClass::kBert:
    case TokenizerClass::kMpnet:
      return kVocabTxt;
    case TokenizerClass::kRoberta:
      return kVocabJson;
    case TokenizerClass::kXlmRoberta:
    case TokenizerClass::kCamembert:
      return "sentencepiece.bpe.model";
    case TokenizerClass::kDebertaV2:
      return "spm.model";
    case TokenizerClass::kFile:
      break;
  }
  return kTokenizerJson;
}

class Reader {
 public:
  explicit Reader(const fs::path& dir)
      : dir_(dir),
        model_config_(dir / "config.json"),
        config_(dir / "tokenizer_config.json"),
        special_tokens_map_(dir / "special_tokens_map.json"),
        added_tokens_(dir / "added_tokens.json") {}

  TokenizerDocument read() const {
    if (config_.fields().boolean_or("split_special_tokens", false)) {
      config_.fields().fail("split_special_tokens", "false");
    }
    const fs::path file = dir_ / kTokenizerJson;
    if (is_there(file)) return read_tokenizer_json(file);
    return read_older();
  }

 private:
  std::optional<TokenizerClass> find_class() const {
    const JsonFields& config = config_.fields();
    const bool is_given = config.find("tokenizer_class") != nullptr;
    const JsonFields& fields = is_given ? config : model_config_.fields();
    return choose_tokenizer_class(fields.string_or("tokenizer_class", ""),
                                  model_config_.fields().string_or("model_type", ""), fields.where());
  }

  SpecialTokens read_special_tokens(TokenizerClass tokenizer_class, const JsonFields* tokenizer) const {
    return {default_tokens(tokenizer_class),
            {.tokenizer_config = &config_.fields(),
             .special_tokens_map = &special_tokens_map_.fields(),
             .added_tokens = &added_tokens_.fields(),
             .tokenizer_json = tokenizer}};
  }

  TokenizerDocument read_tokenizer_json(const fs::path& file) const {
    json document = base::read_json_file(file);
    const JsonFields fields(document, file.string());
    TokenizerClass tokenizer_class = find_class().value_or(TokenizerClass::kFile);
    if (!takes_model(tokenizer_class, fields)) tokenizer_class = TokenizerClass::kFile;
    const SpecialTokens special = read_special_tokens(tokenizer_class, &fields);
    if (tokenizer_class == TokenizerClass::kFile) {
      add_special_tokens(special, tokenizer_class, document);
      return {.json = std::move(document), .where = file.string()};
    }
    json vocabulary = json::object();
    for (const char* const name : {"vocab", "merges"}) {
      if (document["model"].contains(name)) vocabulary[name] = std::move(document["model"][name]);
    }
    return {.json = make_pipeline(tokenizer_class, {.vocabulary = std::move(vocabulary),
                                                    .charsmap = find_charsmap(fields),
                                                    .config = config_.fields(),
                                                    .special = special,
                                                    .where = file.string()}),
            .where = file.string()};
  }

  TokenizerDocument read_older() const {
    std::optional<TokenizerClass> tokenizer_class = find_class();
    if (!tokenizer_class && is_there(dir_ / kVocabTxt)) tokenizer_class = TokenizerClass::kBert;
    if (!tokenizer_class && is_there(dir_ / kVocabJson)) tokenizer_class = TokenizerClass::kRoberta;
    if (!tokenizer_class) {
      throw base::IoError(
          concat(dir_.string(), ": expected tokenizer.json, vocab.txt or vocab.json, found none of them"));
    }
    const fs::path file = dir_ / vocabulary_file(*tokenizer_class);
    if (!is_there(file)) {
      const bool has_choice = file.filename() != kTokenizerJson;
      throw base::IoError(concat(dir_.string(), ": expected tokenizer.json", has_choice ? " or " : "",
                                 has_choice ? file.filename().string() : "",
                                 ", which its tokenizer_class needs, found no such file"));
    }
    SpecialTokens special = read_special_tokens(*tokenizer_class, nullptr);
    std::vector<AddedToken> added;
    Vocabulary vocabulary = read_vocabulary(file, *tokenizer_class, special, added);
    if (!added.empty()) special.add_pieces(added);
    return {.json = make_pipeline(*tokenizer_class, {.vocabulary = std::move(vocabulary.model),
                                                     .charsmap = std::move(vocabulary.charsmap),
                                                     .config = config_.fields(),
                                                     .special = special,
                                                     .where = file.string()}),
            .where = file.string()};
  }

  Vocabulary read_vocabulary(const fs::path& file, TokenizerClass tokenizer_class,
                             const SpecialTokens& special, std::vector<AddedToken>& added) const {
    if (file.filename() == kVocabTxt) return read_vocab_txt(file);
    if (file.filename() == kVocabJson) return read_vocab_json(file, dir_ / "merges.txt");
    return read_sentencepiece(file, tokenizer_class, special, added);
  }

  fs::path dir_;
  OptionalJson model_config_;
  OptionalJson config_;
  OptionalJson special_tokens_map_;
  OptionalJson added_tokens_;
};

}  // namespace

TokenizerDocument read_tokenizer(const fs::path& model_dir) { return Reader(model_dir).read(); }

bool has_tokenizer(const fs::path& model_dir) {
  return std::any_of(kFiles.begin(), kFiles.begin() + kVocabularies,
                     [&](const char* name) { return is_there(model_dir / name); });
}

std::span<const char* const> tokenizer_file_names() { return kFiles; }

void copy_tokenizer_files(const fs::path& from, const fs::path& to) {
  for (const char* const name : kFiles) {
    if (is_there(from / name)) base::write_file_atomically(to / name, base::read_file(from / name));
  }
}

}  // namespace kdqat::text
