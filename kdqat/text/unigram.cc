#include "kdqat/text/unigram.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/text/byte_tokens.h"
#include "kdqat/text/token_trie.h"
#include "kdqat/text/unicode.h"
#include "kdqat/text/whole_words.h"

namespace kdqat::text {
namespace {

using base::concat;
using nlohmann::json;

constexpr double kUnknownPenalty = 10;  // tokenizers' K_UNK_PENALTY
constexpr std::int32_t kNoId = -1;
constexpr std::size_t kLongestToken = 1000;  // bytes

struct UnigramSettings {
  std::vector<double> scores;  // of each id
  std::int32_t unknown_id = kNoId;
  bool byte_fallback = false;
};

class Unigram final : public Model {
 public:
  Unigram(const Tokens& tokens, UnigramSettings settings)
      : trie_(tokens.all(), tokens.sorted()),
        scores_(std::move(settings.scores)),
        unknown_score_(lowest(scores_) - kUnknownPenalty),
        unknown_id_(settings.unknown_id),
        whole_words_(scores_.size()) {
    if (settings.byte_fallback) byte_tokens_.emplace(tokens);
  }

  void append_pieces(std::string_view word, std::vector<Piece>& pieces) const override {
    if (word.empty()) return;
    const std::int32_t id = trie_.find(word);
    const auto answer = id == kNoId ? WholeWords::Answer::kCut : whole_words_.find(id);
    if (answer == WholeWords::Answer::kWhole) {
      pieces.push_back({.id = id, .begin = 0, .end = static_cast<std::uint32_t>(word.size())});
      return;
    }
    const std::size_t num_before = pieces.size();
    append_best_pieces(word, pieces);
    if (answer == WholeWords::Answer::kNotYetKnown) {
      const bool is_whole = pieces.size() == num_before + 1 && pieces.back().id == id;
      whole_words_.set(id, is_whole ? WholeWords::Answer::kWhole : WholeWords::Answer::kCut);
    }
  }

 private:
  // The best way to cut the word up to a position.
  struct Best {
    double score = 0;
    std::uint32_t begin = kNone;  // of its last token
    std::int32_t id = kNoId;      // of its last token
  };
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  static double lowest(const std::vector<double>& scores) {
    return scores.empty() ? 0 : *std::min_element(scores.begin(), scores.end());
  }

  void append_best_pieces(std::string_view word, std::vector<Piece>& pieces) const {
    std::array<std::byte, 4096> buffer;
    std::pmr::monotonic_buffer_resource memory(buffer.data(), buffer.size());
    std::pmr::vector<Best> best(word.size() + 1, &memory);
    find_best(word, best);
    const std::size_t num_before = pieces.size();
    for (auto end = static_cast<std::uint32_t>(word.size()); end > 0;) {
      std::uint32_t begin = best[end].begin;
      const std::int32_t id = best[end].id;
      if (id == unknown_id_) {
        while (begin > 0 && best[begin].id == unknown_id_) begin = best[begin].begin;
        append_unknown_reversed(word, begin, end, pieces);
      } else {
        pieces.push_back({.id = id, .begin = begin, .end = end});
      }
      end = begin;
    }
    std::reverse(pieces.begin() + static_cast<std::ptrdiff_t>(num_before), pieces.end());
  }

  void find_best(std::string_view word, std::pmr::vector<Best>& best) const {
    for (std::size_t begin = 0; begin < word.size();) {
      const double score_before = best[begin].score;
      const auto offer = [&](std::size_t length, double score, std::int32_t id) {
        Best& end = best[begin + length];
        const double sum = score + score_before;
        if (end.begin != kNone && !(sum > end.score)) return false;
        end = {.score = sum, .begin = static_cast<std::uint32_t>(begin), .id = id};
        return true;
      };
      const std::size_t length = character_length(word[begin]);
      bool has_token = false;
      trie_.for_each_match(TokenTrie::kRoot, word.substr(begin), [&](const TokenTrie::Match& match) {
        offer(match.length, scores_[static_cast<std::size_t>(match.id)], match.id);
        has_token = has_token || match.length == length;
      });
      if (!has_token && offer(length, unknown_score_, unknown_id_) && unknown_id_ == kNoId) {
        throw base::InvalidArgument(concat("tokenizer: ", base::quote(word.substr(begin, length)),
                                           ": expected a character of the vocabulary, since it has no "
                                           "unknown token (unk_id), found another"));
      }
      begin += length;
    }
  }

  void append_unknown_reversed(std::string_view word, std::uint32_t begin, std::uint32_t end,
                               std::vector<Piece>& pieces) const {
    const std::string_view part = word.substr(begin, end - begin);
    // A token may be made of unknown characters and of the unknown token's own name.
    const std::int32_t id = trie_.find(part);
    if (id == kNoId && byte_tokens_ && byte_tokens_->have_all(part)) {
      for (std::size_t i = part.size(); i-- > 0;) {
        pieces.push_back({.id = byte_tokens_->id(part[i]), .begin = begin, .end = end});
      }
    } else {
      pieces.push_back({.id = id == kNoId ? unknown_id_ : id, .begin = begin, .end = end});
    }
  }

  TokenTrie trie_;
  std::vector<double> scores_;
  double unknown_score_;
  std::int32_t unknown_id_;
  std::optional<ByteTokens> byte_tokens_;
  WholeWords whole_words_;
};

std::pair<std::string, double> read_entry(const json& entry, std::size_t id, const base::JsonFields& model) {
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
    throw base::FormatError(
        concat(model.where(), ": vocab[", id, "]: expected [token, score], found ", base::describe(entry)));
  }
  auto token = entry[0].get<std::string>();
  if (token.size() > kLongestToken) {
    throw base::FormatError(concat(model.where(), ": vocab[", id, "]: expected a token of at most ",
                                   kLongestToken, " bytes, found ", token.size()));
  }
  return {std::move(token), entry[1].get<double>()};
}

}  // namespace

ModelAndTokens make_unigram(const base::JsonFields& model) {
  const json* const vocabulary = model.find("vocab");
  if (vocabulary == nullptr || !vocabulary->is_array()) model.fail("vocab", "an array of [token, score]");
  const auto size = static_cast<std::int64_t>(vocabulary->size());
  UnigramSettings settings;
  std::vector<std::string> tokens;
  for (const json& entry : *vocabulary) {
    auto [token, score] = read_entry(entry, tokens.size(), model);
    tokens.push_back(std::move(token));
    settings.scores.push_back(score);
  }
  settings.unknown_id = static_cast<std::int32_t>(model.integer_or("unk_id", 0, size - 1, kNoId));
  settings.byte_fallback = model.boolean_or("byte_fallback", false);
  Tokens all(std::move(tokens));
  auto unigram = std::make_unique<const Unigram>(all, std::move(settings));
  return {.tokens = std::move(all), .model = std::move(unigram)};
}

}  // namespace kdqat::text
