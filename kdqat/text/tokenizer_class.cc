#include "kdqat/text/tokenizer_class.h"

#include <algorithm>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::text {
namespace {

using Entry = std::pair<std::string_view, TokenizerClass>;

/// transformers' names, without "Fast" at the end.
constexpr std::array kClasses = std::to_array<Entry>({
    {"BertTokenizer", TokenizerClass::kBert},
    {"DistilBertTokenizer", TokenizerClass::kBert},
    {"ElectraTokenizer", TokenizerClass::kBert},
    {"MobileBertTokenizer", TokenizerClass::kBert},
    {"ConvBertTokenizer", TokenizerClass::kBert},
    {"LayoutLMTokenizer", TokenizerClass::kBert},
    {"RetriBertTokenizer", TokenizerClass::kBert},
    {"MPNetTokenizer", TokenizerClass::kMpnet},
    {"RobertaTokenizer", TokenizerClass::kRoberta},
    {"BartTokenizer", TokenizerClass::kRoberta},
    {"LongformerTokenizer", TokenizerClass::kRoberta},
    {"XLMRobertaTokenizer", TokenizerClass::kXlmRoberta},
    {"CamembertTokenizer", TokenizerClass::kCamembert},
    {"DebertaV2Tokenizer", TokenizerClass::kDebertaV2},
});

/// The class of a model_type where tokenizer_class is not given.
constexpr std::array kModelTypes = std::to_array<Entry>({
    {"bert", TokenizerClass::kBert},
    {"distilbert", TokenizerClass::kBert},
    {"electra", TokenizerClass::kBert},
    {"nomic_bert", TokenizerClass::kBert},
    {"mpnet", TokenizerClass::kMpnet},
    {"roberta", TokenizerClass::kRoberta},
    {"data2vec-text", TokenizerClass::kRoberta},
    {"xlm-roberta", TokenizerClass::kXlmRoberta},
    {"camembert", TokenizerClass::kCamembert},
    {"deberta-v2", TokenizerClass::kDebertaV2},
    {"modernbert", TokenizerClass::kFile},
});

constexpr std::array kOwnRules = std::to_array<std::string_view>({
    "BertJapaneseTokenizer",
    "BertTokenizerLegacy",
    "BertweetTokenizer",
    "BioGptTokenizer",
    "BlenderbotSmallTokenizer",
    "ByT5Tokenizer",
    "CTRLTokenizer",
    "CanineTokenizer",
    "CpmAntTokenizer",
    "CpmTokenizer",
    "EsmTokenizer",
    "FSMTTokenizer",
    "FlaubertTokenizer",
    "GPTNeoXJapaneseTokenizer",
    "M2M100Tokenizer",
    "MarianTokenizer",
    "MyT5Tokenizer",
    "PerceiverTokenizer",
    "PhobertTokenizer",
    "ProphetNetTokenizer",
    "RoCBertTokenizer",
    "RoFormerTokenizer",
    "TapasTokenizer",
    "XLMTokenizer",
});

template <std::size_t size>
std::optional<TokenizerClass> find(const std::array<Entry, size>& entries, std::string_view name) {
  for (const auto& [known, tokenizer_class] : entries) {
    if (known == name) return tokenizer_class;
  }
  return std::nullopt;
}

AddedToken special(std::string_view content, bool lstrip = false) {
  return {.id = 0, .content = std::string(content), .lstrip = lstrip};
}

}  // namespace

std::optional<TokenizerClass> choose_tokenizer_class(std::string_view tokenizer_class,
                                                     std::string_view model_type, const std::string& where) {
  const std::optional<TokenizerClass> of_model = find(kModelTypes, model_type);
  if (tokenizer_class.empty()) return of_model;
  if (tokenizer_class.ends_with("Fast")) tokenizer_class.remove_suffix(4);
  if (std::find(kOwnRules.begin(), kOwnRules.end(), tokenizer_class) != kOwnRules.end()) {
    throw base::FormatError(
        base::concat(where, ": tokenizer_class: expected one that tokenizer.json can describe, found ",
                     base::quote(tokenizer_class), ", which cuts text by rules of its own"));
  }
  if (of_model == TokenizerClass::kFile) return of_model;
  return find(kClasses, tokenizer_class).value_or(TokenizerClass::kFile);
}

std::array<std::optional<AddedToken>, SpecialTokens::kNames> default_tokens(TokenizerClass tokenizer_class) {
  const auto names = [](std::array<std::optional<AddedToken>, SpecialTokens::kNames> tokens) {
    return tokens;
  };
  switch (tokenizer_class) {
    case TokenizerClass::kBert:
      return names({{std::nullopt, std::nullopt, special("[UNK]"), special("[SEP]"), special("[PAD]"),
                     special("[CLS]"), special("[MASK]")}});
    case TokenizerClass::kDebertaV2:
      return names({{special("[CLS]"), special("[SEP]"), special("[UNK]"), special("[SEP]"), special("[PAD]"),
                     special("[CLS]"), special("[MASK]")}});
    case TokenizerClass::kMpnet:
      return names({{special("<s>"), special("</s>"), special("[UNK]"), special("</s>"), special("<pad>"),
                     special("<s>"), special("<mask>", true)}});
    case TokenizerClass::kRoberta:
    case TokenizerClass::kXlmRoberta:
    case TokenizerClass::kCamembert:
      return names({{special("<s>"), special("</s>"), special("<unk>"), special("</s>"), special("<pad>"),
                     special("<s>"), special("<mask>", tokenizer_class == TokenizerClass::kCamembert)}});
    case TokenizerClass::kFile:
      break;
  }
  return {};
}

}  // namespace kdqat::text
