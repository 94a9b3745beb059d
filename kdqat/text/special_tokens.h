#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/added_tokens.h"

namespace kdqat::text {

/// What a model directory's smaller files say about special and added tokens, beside its vocabulary. The
/// rules are those of Hugging Face's transformers 5.24.
class SpecialTokens {
 public:
  enum Name : std::uint8_t { kBos, kEos, kUnk, kSep, kPad, kCls, kMask };
  static constexpr std::size_t kNames = 7;
  /// The names' fields in tokenizer_config.json.
  static constexpr std::array<const char*, kNames> kFields = {
      "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

  /// A named token; `is_given`: a file names it.
  struct Named {
    AddedToken token;
    bool is_given = false;
  };

  /// The files, nullptr where there is none. What tokenizer_config.json lists in added_tokens_decoder goes
  /// before the other three, which are older: special_tokens_map.json, added_tokens.json, and
  /// tokenizer.json's added_tokens.
  struct Files {
    const base::JsonFields* tokenizer_config = nullptr;
    const base::JsonFields* special_tokens_map = nullptr;
    const base::JsonFields* added_tokens = nullptr;
    const base::JsonFields* tokenizer_json = nullptr;
  };

  /// `defaults`: the named tokens of the tokenizer's class. Throws FormatError that names file and field for
  /// a wrong JSON type.
  SpecialTokens(std::array<std::optional<AddedToken>, kNames> defaults, const Files& files);

  /// The content of a named token; "" if there is none.
  const std::string& content(Name name) const;

  const std::array<std::optional<Named>, kNames>& named() const { return named_; }

  /// Those that added_tokens_decoder, or an older file, lists, by id.
  const std::map<std::int64_t, AddedToken>& listed() const { return listed_; }

  /// Those of additional_special_tokens and extra_special_tokens, and fields such as "image_token".
  const std::vector<AddedToken>& extra() const { return extra_; }

  /// Adds to extra() the special pieces of a sentencepiece model. They take the place of what
  /// special_tokens_map.json lists; what tokenizer_config.json lists takes theirs.
  void add_pieces(const std::vector<AddedToken>& tokens);

 private:
  void read_names(const base::JsonFields& fields);
  void read_extra(const base::JsonFields& fields);
  void read_decoder(const base::JsonFields& config);
  void read_older(const Files& files);

  std::array<std::optional<Named>, kNames> named_;
  std::map<std::int64_t, AddedToken> listed_;
  std::vector<AddedToken> extra_;
  std::size_t older_extra_ = 0;  // how many of them tokenizer_config.json gives
  bool config_lists_extra_ = false;
};

/// A token that is written as a string, or as an object with "content" and flags. Throws FormatError.
AddedToken read_token_value(const nlohmann::json& value, const std::string& where, bool is_special);

/// As an element of tokenizer.json's added_tokens.
nlohmann::json to_json(const AddedToken& token);

}  // namespace kdqat::text
