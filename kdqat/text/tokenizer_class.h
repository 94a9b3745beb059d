#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kdqat/text/added_tokens.h"
#include "kdqat/text/special_tokens.h"

namespace kdqat::text {

/// Which of transformers' tokenizer classes reads a model directory. Those named here know their pipeline:
/// they take the vocabulary from a file and the rest from tokenizer_config.json, also where a tokenizer.json
/// says otherwise (transformers 5). All other classes are kFile: tokenizer.json as it stands.
enum class TokenizerClass : std::uint8_t {
  kFile,
  kBert,
  kMpnet,
  kRoberta,
  kXlmRoberta,
  kCamembert,
  kDebertaV2
};

/// The class for tokenizer_class of tokenizer_config.json (or config.json) and model_type of config.json,
/// each
/// "" where it is not given; nothing where neither is. A class of that name for another model_type counts,
/// but a model_type whose checkpoints name a wrong class (ModernBERT) is kFile. Throws FormatError that
/// begins with `where` for a class that cuts text by an analyser or by rules of its own, such as
/// BertJapaneseTokenizer.
std::optional<TokenizerClass> choose_tokenizer_class(std::string_view tokenizer_class,
                                                     std::string_view model_type, const std::string& where);

/// The special tokens of a class, where no file names others.
std::array<std::optional<AddedToken>, SpecialTokens::kNames> default_tokens(TokenizerClass tokenizer_class);

}  // namespace kdqat::text
