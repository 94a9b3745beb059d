#include "kdqat/text/model.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/text/bpe.h"
#include "kdqat/text/unigram.h"
#include "kdqat/text/word_piece.h"

namespace kdqat::text {
namespace {

/// Files of the first versions of tokenizers have no field "type".
std::string type_of(const base::JsonFields& model) {
  const bool has_merges = model.find("merges") != nullptr;
  const nlohmann::json* const vocabulary = model.find("vocab");
  const bool has_scores = vocabulary != nullptr && vocabulary->is_array();
  return model.string_or("type", has_merges ? "BPE" : has_scores ? "Unigram" : "WordPiece");
}

}  // namespace

bool takes_bytes(const base::JsonFields& model) {
  return type_of(model) == "BPE" && !model.boolean_or("byte_fallback", false) &&
         model.string_or("continuing_subword_prefix", "").empty() &&
         model.string_or("end_of_word_suffix", "").empty();
}

ModelAndTokens make_model(const base::JsonFields& model, WordForm form) {
  if (form == WordForm::kBytes && !takes_bytes(model)) {
    throw base::InvalidArgument(
        base::concat(model.where(), ": expected a model that takes bytes, found another"));
  }
  const std::string type = type_of(model);
  if (type == "Unigram") return make_unigram(model);
  if (type != "WordPiece" && type != "BPE") model.fail("type", "WordPiece, BPE or Unigram");
  Tokens tokens = Tokens::from_object(model, "vocab");
  auto made = type == "BPE" ? make_bpe(model, tokens, form) : make_word_piece(model, tokens);
  return {.tokens = std::move(tokens), .model = std::move(made)};
}

}  // namespace kdqat::text
