#include "kdqat/text/added_tokens.h"

#include <algorithm>

#include "kdqat/base/error.h"
#include "kdqat/text/json_array.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::JsonFields;

constexpr std::int64_t kLargestId = std::int64_t{1} << 30;

AddedToken read_added_token(const JsonFields& fields) {
  AddedToken token{.id = static_cast<std::int32_t>(fields.integer("id", 0, kLargestId)),
                   .content = fields.string_or("content", ""),
                   .single_word = fields.boolean_or("single_word", false),
                   .lstrip = fields.boolean_or("lstrip", false),
                   .rstrip = fields.boolean_or("rstrip", false),
                   .normalized = fields.boolean_or("normalized", true)};
  if (token.content.empty()) fields.fail("content", "a text that is not empty");
  return token;
}

bool is_word_before(std::string_view text, std::size_t position) {
  if (position == 0) return false;
  std::size_t character = previous_character(text, position);
  return is_word_character(next_character(text, character));
}

bool is_word_at(std::string_view text, std::size_t position) {
  return position < text.size() && is_word_character(next_character(text, position));
}

/// The end of the whitespace at `position`.
std::size_t skip_spaces(std::string_view text, std::size_t position) {
  for (std::size_t next = position; next < text.size() && is_whitespace(next_character(text, next));) {
    position = next;
  }
  return position;
}

/// The beginning of the whitespace before `position`, which is not before `first`.
std::size_t skip_spaces_back(std::string_view text, std::size_t position, std::size_t first) {
  while (position > first) {
    const std::size_t previous = previous_character(text, position);
    std::size_t next = previous;
    if (!is_whitespace(next_character(text, next))) break;
    position = previous;
  }
  return position;
}

}  // namespace

AddedTokens::AddedTokens(const JsonFields& root, const Tokens& tokens, const Normalizer* normalizer) {
  if (root.find("added_tokens") == nullptr) return;
  std::int64_t next_id = tokens.count();
  for_each_object(root, "added_tokens", [&](const JsonFields& fields) {
    AddedToken token = read_added_token(fields);
    const std::optional<std::int32_t> known = tokens.find(token.content);
    const std::int64_t expected = known ? *known : next_id;
    const bool is_taken = !known && expected < tokens.size() && !tokens[expected].empty();
    if (token.id != expected || is_taken) {
      fields.fail("id", concat(expected,
                               known ? ", which it has in the vocabulary" : ", the number of tokens so far"));
    }
    if (!known) ++next_id;
    tokens_.push_back(std::move(token));
  });
  std::vector<std::string> raw_texts;
  std::vector<std::string> normalized_texts;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    if (!by_content_.try_emplace(token.content, i).second) {
      throw base::FormatError(concat(root.where(), ": added_tokens[", i,
                                     "]: content: expected each token once, found ",
                                     base::quote(token.content), " twice"));
    }
    by_id_[token.id] = i;
    size_ = std::max<std::int64_t>(size_, std::int64_t{token.id} + 1);
    if (!token.normalized) {
      raw_.push_back(i);
      raw_texts.push_back(token.content);
      continue;
    }
    AlignedText text;
    AlignedText spare;
    text.assign(token.content, 0);
    if (normalizer != nullptr) normalizer->normalize(text, spare);
    normalized_.push_back(i);
    normalized_texts.push_back(std::move(text.bytes));
  }
  raw_finder_ = TokenFinder(raw_texts);
  normalized_finder_ = TokenFinder(normalized_texts);
}

void AddedTokens::cut_raw(std::string_view text, std::vector<TextPart>& parts) const {
  cut(text, raw_finder_, raw_, parts);
}

void AddedTokens::cut_normalized(std::string_view text, std::vector<TextPart>& parts) const {
  cut(text, normalized_finder_, normalized_, parts);
}

// As Hugging Face's AddedVocabulary::find_matches, also where rstrip reaches over the next token, which is
// whitespace then: both have it.
void AddedTokens::cut(std::string_view text, const TokenFinder& finder,
                      const std::vector<std::size_t>& positions, std::vector<TextPart>& parts) const {
  parts.clear();
  std::vector<TokenFinder::Found> matches;
  finder.find(text, matches);
  std::size_t done = 0;
  std::size_t spaces_begin = 0;  // [spaces_begin, spaces_end) is whitespace, so that it is not passed twice
  std::size_t spaces_end = 0;
  for (const TokenFinder::Found& match : matches) {
    const AddedToken& token = tokens_[positions[match.number]];
    if (token.single_word && (is_word_before(text, match.begin) || is_word_at(text, match.end))) continue;
    std::size_t begin = match.begin;
    std::size_t end = match.end;
    if (token.lstrip && done <= begin) begin = skip_spaces_back(text, begin, done);
    if (token.rstrip) {
      if (end < spaces_begin || end > spaces_end) {
        spaces_begin = end;
        spaces_end = skip_spaces(text, end);
      }
      end = spaces_end;
    }
    if (done < begin) parts.push_back({.begin = done, .end = begin});
    parts.push_back({.begin = begin, .end = end, .token = &token});
    done = end;
  }
  if (done != text.size()) parts.push_back({.begin = done, .end = text.size()});
}

const std::string* AddedTokens::find(std::int64_t id) const {
  const auto entry = by_id_.find(id);
  return entry == by_id_.end() ? nullptr : &tokens_[entry->second].content;
}

std::optional<std::int32_t> AddedTokens::find(std::string_view content) const {
  const auto entry = by_content_.find(content);
  if (entry == by_content_.end()) return std::nullopt;
  return tokens_[entry->second].id;
}

}  // namespace kdqat::text
