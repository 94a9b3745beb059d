#include "kdqat/text/bpe.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/text/byte_level.h"
#include "kdqat/text/byte_tokens.h"
#include "kdqat/text/character_ids.h"
#include "kdqat/text/merge_table.h"
#include "kdqat/text/token_trie.h"
#include "kdqat/text/unicode.h"
#include "kdqat/text/whole_words.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using nlohmann::json;

struct BpeSettings {
  std::optional<std::string> unknown_token;
  std::string prefix;  // continuing_subword_prefix
  std::string suffix;  // end_of_word_suffix
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
  WordForm form = WordForm::kText;
};

/// The part of a word that is one token so far; a link of a list.
struct Symbol {
  std::int32_t id;
  std::uint32_t length;    // bytes of the word
  std::int32_t merged_id;  // what it becomes with the next; -1: nothing
  std::int32_t previous;
  std::int32_t next;
};
constexpr std::int32_t kNone = -1;

/// A merge of the symbol at `position` with its next. Others may change them first; then it no longer counts.
struct Candidate {
  std::uint64_t order;  // rank, position
  std::int32_t merged_id;

  std::int32_t position() const { return static_cast<std::int32_t>(order); }
  bool operator>(const Candidate& other) const { return order > other.order; }
};

/// The symbols of one word while they are merged. Heap and list start in the object itself.
class Merger {
 public:
  Merger(const MergeTable& merges, std::size_t num_bytes) : merges_(merges) {
    symbols_.reserve(num_bytes);
    heap_.reserve(num_bytes);
  }

  void add(std::int32_t id, std::uint32_t length) {
    const auto position = static_cast<std::int32_t>(symbols_.size());
    if (position > 0) symbols_.back().next = position;
    symbols_.push_back(
        {.id = id, .length = length, .merged_id = kNone, .previous = position - 1, .next = kNone});
  }

  void merge_all() {
    for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) {
      if (const auto candidate = find_candidate(static_cast<std::int32_t>(i))) heap_.push_back(*candidate);
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    while (!heap_.empty()) {
      const Candidate first = heap_.front();
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      heap_.pop_back();
      if (at(first.position()).merged_id == first.merged_id) merge(first.position());
    }
  }

  /// Appends the symbols as pieces of a word of num_bytes bytes.
  void append_pieces(std::uint32_t num_bytes, std::vector<Piece>& pieces) const {
    std::uint32_t begin = 0;
    for (std::int32_t i = symbols_.empty() ? kNone : 0; i != kNone; i = at(i).next) {
      const std::uint32_t end = begin + at(i).length;
      pieces.push_back(
          {.id = at(i).id, .begin = std::min(begin, num_bytes), .end = std::min(end, num_bytes)});
      begin = end;
    }
  }

 private:
  const Symbol& at(std::int32_t position) const { return symbols_[static_cast<std::size_t>(position)]; }
  Symbol& at(std::int32_t position) { return symbols_[static_cast<std::size_t>(position)]; }

  /// Looks up the merge of a symbol with its next and notes it in the symbol.
  std::optional<Candidate> find_candidate(std::int32_t position) {
    Symbol& symbol = at(position);
    symbol.merged_id = kNone;
    if (symbol.next == kNone) return std::nullopt;
    const Merge merge = merges_.find(symbol.id, at(symbol.next).id);
    symbol.merged_id = merge.id;
    if (merge.id == kNone) return std::nullopt;
    const auto place = static_cast<std::uint32_t>(position);
    return Candidate{.order = std::uint64_t{merge.rank} << 32U | place, .merged_id = merge.id};
  }

  void push_candidate(std::int32_t position) {
    if (const auto candidate = find_candidate(position)) {
      heap_.push_back(*candidate);
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }

  void merge(std::int32_t position) {
    Symbol& left = at(position);
    Symbol& right = at(left.next);
    left.id = left.merged_id;
    left.length += right.length;
    left.next = right.next;
    right.merged_id = kNone;
    if (left.next != kNone) at(left.next).previous = position;
    if (left.previous != kNone) push_candidate(left.previous);
    push_candidate(position);
  }

  const MergeTable& merges_;
  std::array<std::byte, 4096> buffer_;
  std::pmr::monotonic_buffer_resource memory_{buffer_.data(), buffer_.size()};
  std::pmr::vector<Symbol> symbols_{&memory_};
  std::pmr::vector<Candidate> heap_{&memory_};
};

/// The words that are written as a token each, by id; "" for a token that no word is written as.
std::vector<std::string> words_of_tokens(const Tokens& tokens, const BpeSettings& settings) {
  std::vector<std::string> words;
  words.reserve(tokens.all().size());
  for (const std::string& token : tokens.all()) {
    if (settings.form == WordForm::kBytes) {
      words.push_back(bytes_of_byte_level(token).value_or(""));
    } else if (settings.ignore_merges) {
      words.push_back(token);
    } else {
      const bool ends_word = token.ends_with(settings.suffix);
      words.push_back(ends_word ? token.substr(0, token.size() - settings.suffix.size()) : "");
    }
  }
  return words;
}

class Bpe final : public Model {
 public:
  Bpe(const Tokens& tokens, BpeSettings settings, MergeTable merges)
      : settings_(std::move(settings)),
        merges_(std::move(merges)),
        words_(words_of_tokens(tokens, settings_)),
        whole_words_(tokens.all().size()) {
    if (settings_.byte_fallback) byte_tokens_.emplace(tokens);
    if (settings_.unknown_token) unknown_id_ = tokens.find(*settings_.unknown_token);
    if (settings_.form == WordForm::kBytes) {
      for (unsigned int byte = 0; byte < 256; ++byte) {
        const char character = static_cast<char>(byte);
        byte_ids_[byte] = words_.find(std::string_view(&character, 1));
      }
    } else {
      for (std::size_t place = 0; place < characters_.size(); ++place) set_characters(tokens, place);
    }
  }

  void append_pieces(std::string_view word, std::vector<Piece>& pieces) const override {
    const std::int32_t id = words_.find(word);
    const auto answer = id == kNone               ? WholeWords::Answer::kCut
                        : settings_.ignore_merges ? WholeWords::Answer::kWhole
                                                  : whole_words_.find(id);
    const auto num_bytes = static_cast<std::uint32_t>(word.size());
    if (answer == WholeWords::Answer::kWhole) {
      pieces.push_back({.id = id, .begin = 0, .end = num_bytes});
      return;
    }
    Merger merger(merges_, word.size());
    add_symbols(word, merger);
    merger.merge_all();
    const std::size_t num_before = pieces.size();
    merger.append_pieces(num_bytes, pieces);
    if (answer == WholeWords::Answer::kNotYetKnown) {
      const bool is_whole =
          pieces.size() == num_before + 1 && pieces.back() == Piece{.id = id, .begin = 0, .end = num_bytes};
      whole_words_.set(id, is_whole ? WholeWords::Answer::kWhole : WholeWords::Answer::kCut);
    }
  }

 private:
  // Where in a word a character stands decides how its token is written.
  static constexpr std::size_t kContinues = 1;
  static constexpr std::size_t kEnds = 2;

  std::string_view prefix_at(std::size_t place) const {
    return (place & kContinues) != 0 ? std::string_view(settings_.prefix) : "";
  }
  std::string_view suffix_at(std::size_t place) const {
    return (place & kEnds) != 0 ? std::string_view(settings_.suffix) : "";
  }

  /// The ids of the tokens that are one character between prefix and suffix.
  void set_characters(const Tokens& tokens, std::size_t place) {
    const std::string_view prefix = prefix_at(place);
    const std::string_view suffix = suffix_at(place);
    const std::size_t around = prefix.size() + suffix.size();
    for (const std::int32_t id : tokens.sorted()) {
      std::string_view token = tokens[id];
      if (token.size() <= around || !token.starts_with(prefix) || !token.ends_with(suffix)) continue;
      token = token.substr(prefix.size(), token.size() - around);
      if (character_length(token[0]) != token.size()) continue;
      std::size_t position = 0;
      characters_[place].set(next_character(token, position), id);
    }
  }

  void add_symbols(std::string_view word, Merger& merger) const {
    std::uint32_t unknown_length = 0;  // of the unknown token to be added
    const auto add_unknown = [&] {
      if (unknown_length > 0) merger.add(*unknown_id_, unknown_length);
      unknown_length = 0;
    };
    for (std::size_t begin = 0; begin < word.size();) {
      const std::size_t place_begin = begin == 0 ? 0 : kContinues;
      const std::size_t length = settings_.form == WordForm::kBytes ? 1 : character_length(word[begin]);
      const std::size_t place = place_begin | (begin + length == word.size() ? kEnds : 0);
      const std::string_view character = word.substr(begin, length);
      begin += length;
      const std::int32_t id = find_character(character, place);
      if (id != kNone) {
        add_unknown();
        merger.add(id, static_cast<std::uint32_t>(length));
      } else if (!add_bytes(character, place, merger) && settings_.unknown_token) {
        check_unknown_id(character);
        if (!settings_.fuse_unknown) add_unknown();
        unknown_length += static_cast<std::uint32_t>(length);
      }
    }
    add_unknown();
  }

  std::int32_t find_character(std::string_view character, std::size_t place) const {
    if (settings_.form == WordForm::kBytes) return byte_ids_[static_cast<unsigned char>(character[0])];
    std::size_t position = 0;
    return characters_[place].find(next_character(character, position));
  }

  /// Adds the tokens of the bytes, if there are all of them.
  bool add_bytes(std::string_view character, std::size_t place, Merger& merger) const {
    if (!byte_tokens_) return false;
    const std::string bytes = concat(prefix_at(place), character, suffix_at(place));
    if (!byte_tokens_->have_all(bytes)) return false;
    for (const char byte : bytes) merger.add(byte_tokens_->id(byte), 1);
    return true;
  }

  void check_unknown_id(std::string_view character) const {
    if (unknown_id_) return;
    throw base::InvalidArgument(
        concat("tokenizer: ", base::quote(character),
               ": expected a character of the vocabulary, since it lacks its unk_token ",
               base::quote(*settings_.unknown_token), ", found another"));
  }

  BpeSettings settings_;
  MergeTable merges_;
  TokenTrie words_;
  WholeWords whole_words_;
  std::array<CharacterIds, 4> characters_;    // of WordForm::kText, by place
  std::array<std::int32_t, 256> byte_ids_{};  // of WordForm::kBytes
  std::optional<std::int32_t> unknown_id_;
  std::optional<ByteTokens> byte_tokens_;
};

using TokenPair = std::pair<std::string, std::string>;

/// A merge as "a b" or ["a", "b"]; nothing for the line "#version: 0.2" that merges.txt begins with.
std::optional<TokenPair> read_merge(const json& merge, const std::string& where) {
  if (merge.is_string()) {
    const auto& line = merge.get_ref<const std::string&>();
    if (line.starts_with("#version")) return std::nullopt;
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && line.find(' ', space + 1) == std::string::npos) {
      return TokenPair{line.substr(0, space), line.substr(space + 1)};
    }
  } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return TokenPair{merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  throw FormatError(concat(where, ": expected two tokens, found ", base::describe(merge)));
}

std::int32_t find_token(const Tokens& tokens, std::string_view token, const std::string& where) {
  const auto id = tokens.find(token);
  if (!id) throw FormatError(concat(where, ": expected tokens of vocab, found ", base::quote(token)));
  return *id;
}

MergeTable read_merges(const base::JsonFields& model, const Tokens& tokens, std::size_t prefix_size) {
  const json* const merges = model.find("merges");
  if (merges == nullptr || !merges->is_array()) model.fail("merges", "an array of merges");
  MergeTable table(merges->size());
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < merges->size(); ++i) {
    const std::string where = model.where() + ": merges[" + std::to_string(i) + "]";
    const auto merge = read_merge((*merges)[i], where);
    if (!merge) continue;
    const auto& [left, right] = *merge;
    if (right.size() < prefix_size) {
      throw FormatError(concat(where,
                               ": expected a token with continuing_subword_prefix at its right, found ",
                               base::quote(right)));
    }
    const std::int32_t left_id = find_token(tokens, left, where);
    const std::int32_t right_id = find_token(tokens, right, where);
    const std::int32_t id = find_token(tokens, left + right.substr(prefix_size), where);
    table.set(left_id, right_id, {.rank = rank++, .id = id});
  }
  return table;
}

}  // namespace

std::unique_ptr<const Model> make_bpe(const base::JsonFields& model, const Tokens& tokens, WordForm form) {
  if (model.number_or("dropout", 0) != 0) model.fail("dropout", "0, since merges are never left out");
  BpeSettings settings;
  if (model.find("unk_token") != nullptr) settings.unknown_token = model.string_or("unk_token", "");
  settings.prefix = model.string_or("continuing_subword_prefix", "");
  settings.suffix = model.string_or("end_of_word_suffix", "");
  settings.fuse_unknown = model.boolean_or("fuse_unk", false);
  settings.byte_fallback = model.boolean_or("byte_fallback", false);
  settings.ignore_merges = model.boolean_or("ignore_merges", false);
  settings.form = form;
  MergeTable merges = read_merges(model, tokens, settings.prefix.size());
  return std::make_unique<const Bpe>(tokens, std::move(settings), std::move(merges));
}

}  // namespace kdqat::text
