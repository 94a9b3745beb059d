#include "kdqat/text/tokenizer.h"

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/text/pre_tokenizer.h"
#include "kdqat/text/special_tokens.h"
#include "kdqat/text/unicode.h"
#include "kdqat/text/vocabulary.h"
#include "kdqat/text/word_piece.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using base::InvalidArgument;

using TokenIds = std::unordered_map<std::string_view, std::int32_t>;

void check_utf8(std::string_view text, const char* name) {
  if (const auto position = find_invalid_utf8(text)) {
    throw InvalidArgument(concat(name, ": expected UTF-8, found an invalid byte at position ", *position));
  }
}

/// The ids of the tokens. Throws FormatError for one that is not UTF-8 or occurs twice.
TokenIds index_tokens(const std::vector<std::string>& tokens, const std::string& where) {
  TokenIds ids;
  ids.reserve(tokens.size());
  std::int32_t id = 0;
  for (const std::string& token : tokens) {
    if (const auto position = find_invalid_utf8(token)) {
      throw FormatError(
          concat(where, ": token ", id, ": expected UTF-8, found an invalid byte at position ", *position));
    }
    const auto [entry, is_new] = ids.try_emplace(token, id);
    if (!is_new) {
      throw FormatError(concat(where, ": token ", id, ": expected each token once, found '", token,
                               "', which is token ", entry->second));
    }
    ++id;
  }
  return ids;
}

std::int32_t required_id(const TokenIds& ids, const std::string& token, const std::string& where) {
  const auto entry = ids.find(token);
  if (entry == ids.end()) {
    throw FormatError(concat(where, ": expected the token ", token, ", found none among ", ids.size()));
  }
  return entry->second;
}

Vocabulary make_vocabulary(std::vector<std::string> tokens, NormalizerConfig config,
                           const std::string& where) {
  Vocabulary vocabulary;
  vocabulary.where = where;
  vocabulary.num_pieces = tokens.size();
  vocabulary.tokens = std::move(tokens);
  vocabulary.normalizer = config;
  return vocabulary;
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

}  // namespace

struct Tokenizer::State {
  explicit State(Vocabulary vocabulary)
      : tokens(std::move(vocabulary.tokens)),
        ids(index_tokens(tokens, vocabulary.where)),
        normalizer(vocabulary.normalizer),
        word_piece(std::span(tokens).first(vocabulary.num_pieces),
                   required_id(ids, vocabulary.names.unk, vocabulary.where)),
        cls(required_id(ids, vocabulary.names.cls, vocabulary.where)),
        sep(required_id(ids, vocabulary.names.sep, vocabulary.where)),
        special_tokens(collect_special_tokens(vocabulary)) {}

  std::vector<SpecialToken> collect_special_tokens(const Vocabulary& vocabulary) const;
  void append_ids(std::string_view text, std::vector<std::int32_t>& output) const;

  std::vector<std::string> tokens;
  TokenIds ids;
  Normalizer normalizer;
  WordPiece word_piece;
  std::int32_t cls;
  std::int32_t sep;
  SpecialTokenFinder special_tokens;
};

/// The special tokens to be found in raw text. Throws FormatError if the vocabulary lacks an added one.
std::vector<SpecialToken> Tokenizer::State::collect_special_tokens(const Vocabulary& vocabulary) const {
  std::map<std::string, std::int32_t> special;
  const SpecialTokenNames& names = vocabulary.names;
  for (const std::string& name : {names.unk, names.cls, names.sep, names.pad, names.mask}) {
    // A vocabulary may do without [PAD] and [MASK].
    if (const auto entry = ids.find(name); entry != ids.end()) special[name] = entry->second;
  }
  for (const std::string& token : vocabulary.added_tokens) {
    special[token] = required_id(ids, token, vocabulary.where);
  }
  special.erase("");
  std::vector<SpecialToken> tokens_in_text;
  for (const auto& [token, id] : special) tokens_in_text.push_back({token, id});
  return tokens_in_text;
}

/// Appends the ids of `text`, well-formed UTF-8, without [CLS] and [SEP].
void Tokenizer::State::append_ids(std::string_view text, std::vector<std::int32_t>& output) const {
  std::string normalized;
  std::size_t position = 0;
  while (position < text.size()) {
    const SpecialTokenFinder::Match match = special_tokens.find(text, position);
    normalizer.normalize(text.substr(position, match.position - position), normalized);
    PreTokenizer words(normalized);
    for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
      word_piece.append_ids(word, output);
    }
    if (match.token == nullptr) break;
    output.push_back(match.token->id);
    position = match.position + match.token->text.size();
  }
}

Tokenizer::Tokenizer(Vocabulary vocabulary) : state_(std::make_unique<const State>(std::move(vocabulary))) {}

Tokenizer::Tokenizer(std::vector<std::string> vocabulary, NormalizerConfig config, const std::string& where)
    : Tokenizer(make_vocabulary(std::move(vocabulary), config, where)) {}

Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& model_dir) {
  return Tokenizer(load_vocabulary(model_dir));
}

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair,
                           std::int64_t max_length) const {
  const std::int64_t num_special = pair ? 3 : 2;
  if (max_length < num_special) {
    throw InvalidArgument(
        concat("max_length: expected at least ", num_special, " for the special tokens, found ", max_length));
  }
  check_utf8(text, "text");
  if (pair) check_utf8(*pair, "pair");
  const auto budget = static_cast<std::size_t>(max_length - num_special);

  Encoding encoding;
  std::vector<std::int32_t>& ids = encoding.input_ids;
  ids.reserve(text.size() / 4 + 2);  // of English; other languages let it grow
  ids.push_back(state_->cls);
  state_->append_ids(text, ids);
  if (!pair) {
    ids.resize(1 + std::min(ids.size() - 1, budget));
    ids.push_back(state_->sep);
    encoding.token_type_ids.assign(ids.size(), 0);
    return encoding;
  }

  std::vector<std::int32_t> pair_ids;
  state_->append_ids(*pair, pair_ids);
  const auto [text_length, pair_length] = cut_longest_first(ids.size() - 1, pair_ids.size(), budget);
  ids.resize(1 + text_length);
  ids.push_back(state_->sep);
  encoding.token_type_ids.assign(ids.size(), 0);
  ids.insert(ids.end(), pair_ids.begin(), pair_ids.begin() + static_cast<std::ptrdiff_t>(pair_length));
  ids.push_back(state_->sep);
  encoding.token_type_ids.resize(ids.size(), 1);
  return encoding;
}

std::int64_t Tokenizer::vocab_size() const { return static_cast<std::int64_t>(state_->tokens.size()); }

const std::string& Tokenizer::token(std::int64_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw InvalidArgument(concat("token id: expected 0 to ", vocab_size() - 1, ", found ", id));
  }
  return state_->tokens[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Tokenizer::find(std::string_view token) const {
  const auto entry = state_->ids.find(token);
  if (entry == state_->ids.end()) return std::nullopt;
  return entry->second;
}

}  // namespace kdqat::text
