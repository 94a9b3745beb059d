#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/tokens.h"

// The last stage: special tokens and token types. Of a tokenizer.json:
//
//   const PostProcessor post_processor(root.object("post_processor"));
//   for (const PostProcessor::Part& part : post_processor.single()) ...  // [CLS], the text, [SEP]

namespace kdqat::text {

/// What is put around the tokens of a text or a pair, and how the offsets of tokens are trimmed:
/// TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, or a Sequence of them.
class PostProcessor {
 public:
  /// A special token or all tokens of a text.
  struct Part {
    enum class Kind { kText, kPair, kSpecial };
    Kind kind = Kind::kText;
    std::int32_t id = 0;  ///< of kSpecial
    std::int32_t type_id = 0;
  };

  /// What ByteLevel does to offsets: spaces at the ends of a token do not belong to it.
  struct Trim {
    bool add_prefix_space = false;  ///< the first token's single space was put there and stays
  };

  /// Adds nothing; types 0 for the text and 1 for the pair.
  PostProcessor();

  /// Of tokenizer.json's object "post_processor". Throws FormatError that names another type, a wrong field,
  /// a template without the text or pair or with one of them twice, a special token that is not listed, and a
  /// Sequence of two that add special tokens.
  explicit PostProcessor(const base::JsonFields& post_processor);

  std::span<const Part> single() const { return single_; }
  std::span<const Part> pair() const { return pair_; }
  std::span<const Trim> trims() const { return trims_; }

  /// The number of special tokens around one text or a pair.
  std::int64_t num_special(bool is_pair) const;

 private:
  void read(const base::JsonFields& fields, bool& has_template);
  void read_template(const base::JsonFields& fields);
  void read_bert(const base::JsonFields& fields);
  void read_roberta(const base::JsonFields& fields);

  std::vector<Part> single_;
  std::vector<Part> pair_;
  std::vector<Trim> trims_;
};

}  // namespace kdqat::text
