#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/base/json.h"
#include "kdqat/text/special_tokens.h"
#include "kdqat/text/tokenizer_class.h"

namespace kdqat::text {

/// What a class needs of a directory's files.
struct PipelineInputs {
  /// tokenizer.json's object "model", as far as it is its vocabulary: vocab and, for BPE, merges.
  nlohmann::json vocabulary;
  std::string charsmap;  ///< Precompiled's, in base64; "" if there is none
  /// tokenizer_config.json's fields.
  const base::JsonFields& config;
  const SpecialTokens& special;
  std::string where;  ///< the file of the vocabulary
};

/// The tokenizer.json document of one of transformers' classes, not kFile. Throws FormatError for a wrong
/// JSON type in `config`, and for a vocabulary without the unknown, first or last special token.
nlohmann::json make_pipeline(TokenizerClass tokenizer_class, PipelineInputs inputs);

/// Adds the tokens that `special` lists and names to a document, with the ids that transformers gives them:
/// their own where they are in the vocabulary or among the document's added tokens, else the next ones. Named
/// tokens that no file names and the vocabulary lacks are left out of BERT's kind.
void add_special_tokens(const SpecialTokens& special, TokenizerClass tokenizer_class,
                        nlohmann::json& document);

}  // namespace kdqat::text
