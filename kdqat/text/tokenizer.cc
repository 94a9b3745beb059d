#include "kdqat/text/tokenizer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/text/added_tokens.h"
#include "kdqat/text/model.h"
#include "kdqat/text/normalizer.h"
#include "kdqat/text/post_processor.h"
#include "kdqat/text/pre_tokenizer.h"
#include "kdqat/text/token_offsets.h"
#include "kdqat/text/tokenizer_files.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using base::InvalidArgument;
using base::JsonFields;
using Part = PostProcessor::Part;

constexpr std::size_t kLongestText = std::size_t{1} << 28;

void check_text(std::string_view text, const char* name) {
  if (const auto position = find_invalid_utf8(text)) {
    throw InvalidArgument(concat(name, ": expected UTF-8, found an invalid byte at position ", *position));
  }
  if (text.size() > kLongestText) {
    throw InvalidArgument(concat(name, ": expected up to ", kLongestText, " bytes, found ", text.size()));
  }
}

/// Lengths of two texts cut to `budget` tokens together.
std::pair<std::size_t, std::size_t> cut_longest_first(std::size_t first, std::size_t second,
                                                      std::size_t budget) {
  if (first + second <= budget) return {first, second};
  const std::size_t smaller_half = budget / 2;
  if (first > second) {
    const std::size_t kept = std::min(second, smaller_half);
    return {budget - kept, kept};
  }
  const std::size_t kept = std::min(first, smaller_half);
  return {kept, budget - kept};
}

/// The fields of a part of the document; nothing where it is null or absent.
std::optional<JsonFields> find_part(const JsonFields& root, std::string_view name) {
  if (root.find(name) == nullptr) return std::nullopt;
  return root.object(name);
}

std::unique_ptr<const Normalizer> make_normalizer_of(const JsonFields& root) {
  const auto fields = find_part(root, "normalizer");
  return fields ? make_normalizer(*fields) : nullptr;
}

/// Whether the model may read bytes, which saves writing words in byte-level characters.
bool model_reads_bytes(const JsonFields& root) {
  const auto pre_tokenizer = find_part(root, "pre_tokenizer");
  return pre_tokenizer && ends_in_byte_level(*pre_tokenizer) &&
         root.object("model").string_or("type", "") == "BPE";
}

std::unique_ptr<const PreTokenizer> make_pre_tokenizer_of(const JsonFields& root) {
  const auto fields = find_part(root, "pre_tokenizer");
  return fields ? make_pre_tokenizer(*fields, {.model_reads_bytes = model_reads_bytes(root)}) : nullptr;
}

ModelAndTokens make_model_of(const JsonFields& root) {
  return make_model(root.object("model"), model_reads_bytes(root) ? WordForm::kBytes : WordForm::kText);
}

std::optional<std::int32_t> unknown_of_unigram(const JsonFields& root) {
  const JsonFields model = root.object("model");
  if (model.string_or("type", "") != "Unigram" || model.find("unk_id") == nullptr) return std::nullopt;
  return static_cast<std::int32_t>(model.integer("unk_id", 0, INT32_MAX));
}

PostProcessor make_post_processor_of(const JsonFields& root) {
  const auto fields = find_part(root, "post_processor");
  return fields ? PostProcessor(*fields) : PostProcessor();
}

/// The tokens of one text, without special ones.
struct TextTokens {
  std::vector<std::int32_t> ids;
  std::optional<TokenOffsets> offsets;  // where asked for
};

}  // namespace

struct Tokenizer::State {
  explicit State(const JsonFields& root)
      : normalizer(make_normalizer_of(root)),
        pre_tokenizer(make_pre_tokenizer_of(root)),
        model(make_model_of(root)),
        post_processor(make_post_processor_of(root)),
        added(root, model.tokens, normalizer.get()),
        size(std::max(model.tokens.size(), added.size())),
        unigram_unknown(unknown_of_unigram(root)) {}

  void check(const JsonFields& root) const;
  const std::string& token(std::int64_t id) const;
  Encoding encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_length,
                  bool with_offsets) const;
  TextTokens encode_text(std::string_view text, std::size_t limit, bool with_offsets) const;
  void append_words(Words& words, std::size_t limit, std::vector<Piece>& pieces, TextTokens& output) const;

  std::unique_ptr<const Normalizer> normalizer;       // may be nullptr
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // may be nullptr
  ModelAndTokens model;
  PostProcessor post_processor;
  AddedTokens added;
  std::int64_t size;
  std::optional<std::int32_t> unigram_unknown;  // where there is one, such a token is written as its text
};

void Tokenizer::State::check(const JsonFields& root) const {
  if (const std::string version = root.string_or("version", "1.0"); version != "1.0")
    root.fail("version", "1.0");
  if (size == 0) root.fail("model", "a vocabulary with at least one token");
  for (const std::span<const Part> parts : {post_processor.single(), post_processor.pair()}) {
    for (const Part& part : parts) {
      if (part.kind == Part::Kind::kSpecial && part.id >= size) {
        throw FormatError(concat(root.where(), ": post_processor: expected ids of special tokens below ",
                                 size, ", found ", part.id));
      }
    }
  }
}

const std::string& Tokenizer::State::token(std::int64_t id) const {
  static const std::string kNoToken;
  if (const std::string* const content = added.find(id)) return *content;
  return id < model.tokens.size() ? model.tokens[id] : kNoToken;
}

/// The tokens of `text`, well-formed UTF-8; may stop once there are `limit`.
TextTokens Tokenizer::State::encode_text(std::string_view text, std::size_t limit, bool with_offsets) const {
  TextTokens output;
  output.ids.reserve(std::min(text.size() / 4 + 2, limit));  // of English; other languages let it grow
  if (with_offsets) output.offsets.emplace(text);
  std::vector<TextPart> raw_parts;
  std::vector<TextPart> parts;
  std::vector<Piece> pieces;
  AlignedText whole;
  Words words;
  whole.is_aligned = with_offsets || (pre_tokenizer && pre_tokenizer->needs_origins());
  words.text.is_aligned = words.spare_text.is_aligned = whole.is_aligned;
  added.cut_raw(text, raw_parts);
  for (const TextPart& raw : raw_parts) {
    if (output.ids.size() >= limit) break;
    if (raw.token != nullptr) {
      output.ids.push_back(raw.token->id);
      if (output.offsets) {
        output.offsets->add({static_cast<std::uint32_t>(raw.begin), static_cast<std::uint32_t>(raw.end)},
                            text.substr(raw.begin, raw.end - raw.begin));
      }
      continue;
    }
    words.text.assign(text.substr(raw.begin, raw.end - raw.begin), raw.begin);
    if (normalizer) normalizer->normalize(words.text, words.spare_text);
    if (!added.has_normalized()) {
      append_words(words, limit, pieces, output);
      continue;
    }
    whole.swap(words.text);
    added.cut_normalized(whole.bytes, parts);
    for (const TextPart& part : parts) {
      if (part.token != nullptr) {
        output.ids.push_back(part.token->id);
        if (output.offsets) {
          output.offsets->add({whole.origins[part.begin].begin, whole.origins[part.end - 1].end},
                              std::string_view(whole.bytes).substr(part.begin, part.end - part.begin));
        }
        continue;
      }
      words.text.clear();
      words.text.append(whole, part.begin, part.end);
      append_words(words, limit, pieces, output);
    }
  }
  return output;
}

/// Appends the tokens of a normalized text.
void Tokenizer::State::append_words(Words& words, std::size_t limit, std::vector<Piece>& pieces,
                                    TextTokens& output) const {
  words.ranges.clear();
  if (words.text.bytes.empty()) return;
  words.ranges.push_back({.begin = 0, .end = static_cast<std::uint32_t>(words.text.bytes.size())});
  if (pre_tokenizer) pre_tokenizer->cut(words);
  for (const WordRange range : words.ranges) {
    if (output.ids.size() >= limit) return;
    pieces.clear();
    model.model->append_pieces(
        std::string_view(words.text.bytes).substr(range.begin, range.end - range.begin), pieces);
    for (const Piece& piece : pieces) output.ids.push_back(piece.id);
    if (!output.offsets) continue;
    for (const Piece& piece : pieces) {
      const std::size_t last = range.begin + std::max(piece.end, piece.begin + 1) - 1;
      const std::string_view text =
          std::string_view(words.text.bytes).substr(range.begin + piece.begin, piece.end - piece.begin);
      output.offsets->add({words.text.origins[range.begin + piece.begin].begin, words.text.origins[last].end},
                          piece.id == unigram_unknown ? text : token(piece.id));
    }
  }
}

Encoding Tokenizer::State::encode(std::string_view text, std::optional<std::string_view> pair,
                                  std::int64_t max_length, bool with_offsets) const {
  const std::int64_t num_special = post_processor.num_special(pair.has_value());
  if (max_length < num_special) {
    throw InvalidArgument(
        concat("max_length: expected at least ", num_special, " for the special tokens, found ", max_length));
  }
  check_text(text, "text");
  if (pair) check_text(*pair, "pair");
  const auto budget = static_cast<std::size_t>(max_length - num_special);
  // How a pair is cut depends on the length of both.
  const std::size_t limit = pair ? SIZE_MAX : budget;
  TextTokens texts[2] = {encode_text(text, limit, with_offsets), {}};
  if (pair) texts[1] = encode_text(*pair, limit, with_offsets);
  const auto [first_length, second_length] =
      cut_longest_first(texts[0].ids.size(), texts[1].ids.size(), budget);
  const std::size_t lengths[2] = {pair ? first_length : std::min(texts[0].ids.size(), budget), second_length};

  Encoding encoding;
  for (const Part& part : pair ? post_processor.pair() : post_processor.single()) {
    if (part.kind == Part::Kind::kSpecial) {
      encoding.input_ids.push_back(part.id);
      if (with_offsets) encoding.offsets.emplace_back();
    } else {
      const std::size_t i = part.kind == Part::Kind::kPair ? 1 : 0;
      const auto length = static_cast<std::ptrdiff_t>(lengths[i]);
      const std::vector<std::int32_t>& ids = texts[i].ids;
      encoding.input_ids.insert(encoding.input_ids.end(), ids.begin(), ids.begin() + length);
      if (with_offsets) texts[i].offsets->append_to(encoding.offsets, lengths[i], post_processor.trims());
    }
    encoding.token_type_ids.resize(encoding.input_ids.size(), part.type_id);
  }
  return encoding;
}

Tokenizer::Tokenizer(const nlohmann::json& document, const std::string& where) {
  const JsonFields root(document, where);
  auto state = std::make_unique<const State>(root);
  state->check(root);
  state_ = std::move(state);
}

Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& model_dir) {
  const TokenizerDocument document = read_tokenizer(model_dir);
  return Tokenizer(document.json, document.where);
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           std::int64_t max_length) const {
  return state_->encode(text, pair, max_length, /*with_offsets=*/false);
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, std::optional<std::string_view> pair,
                                        std::int64_t max_length) const {
  return state_->encode(text, pair, max_length, /*with_offsets=*/true);
}

std::int64_t Tokenizer::vocab_size() const { return state_->size; }

const std::string& Tokenizer::token(std::int64_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw InvalidArgument(concat("token id: expected 0 to ", vocab_size() - 1, ", found ", id));
  }
  return state_->token(id);
}

std::optional<std::int32_t> Tokenizer::find(std::string_view token) const {
  const std::optional<std::int32_t> added = state_->added.find(token);
  return added ? added : state_->model.tokens.find(token);
}

std::int64_t Tokenizer::num_special_tokens(bool is_pair) const {
  return state_->post_processor.num_special(is_pair);
}

std::optional<std::int32_t> Tokenizer::first_special_token() const {
  const Part& part = state_->post_processor.single().front();
  if (part.kind != Part::Kind::kSpecial) return std::nullopt;
  return part.id;
}

std::optional<std::int32_t> Tokenizer::last_special_token() const {
  const Part& part = state_->post_processor.single().back();
  if (part.kind != Part::Kind::kSpecial) return std::nullopt;
  return part.id;
}

}  // namespace kdqat::text
