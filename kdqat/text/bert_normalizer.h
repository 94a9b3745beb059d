#pragma once

#include <array>
#include <string>

#include "kdqat/base/json.h"
#include "kdqat/text/normalizer.h"

namespace kdqat::text {

/// BertNormalizer of a tokenizer.json:
///   {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
///    "lowercase": true}
/// In this order:
///   clean_text: control characters are dropped, whitespace becomes a space;
///   handle_chinese_chars: CJK ideographs get a space on both sides;
///   strip_accents (as lowercase where it is null): characters are decomposed and marks sorted (NFD), and
///   nonspacing marks dropped;
///   lowercase: letters become small, one by one: no final sigma.
class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const base::JsonFields& fields);

  void normalize(AlignedText& text, AlignedText& spare) const override;

 private:
  /// Some of the steps, in one pass. NFD's sorting is left out, since nearly all marks are dropped.
  class Pass {
   public:
    struct Steps {
      bool cleans = false;
      bool separates_cjk = false;
      bool strips_accents = false;
      bool marks_are_sorted = false;
      bool lowers = false;
    };

    explicit Pass(Steps steps);

    /// False, with `text` as it was, if marks stay that may have to be sorted: musical symbols.
    bool run(AlignedText& text, AlignedText& spare) const;

    Steps steps() const { return steps_; }

   private:
    bool append(char32_t character, std::string& normalized) const;
    bool append_decomposed(char32_t character, std::string& normalized) const;
    void append_lower(char32_t character, std::string& normalized) const;

    Steps steps_;
    std::array<char, 128> ascii_;            // what each ASCII character becomes
    std::array<bool, 128> is_dropped_ = {};  // ASCII characters that become nothing
  };

  Pass whole_;
};

}  // namespace kdqat::text
