#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kdqat/base/json.h"
#include "kdqat/text/tokens.h"

// The third stage: words to tokens. Of a tokenizer.json:
//
//   const base::JsonFields root(document, "tokenizer.json");
//   const auto [tokens, model] = make_model(root.object("model"));
//   std::vector<Piece> pieces;
//   model->append_pieces("playing", pieces);  // WordPiece: {id of "play", 0, 4}, {id of "##ing", 4, 7}

namespace kdqat::text {

/// One token of a word: its id and the bytes [begin, end) of the word that it stands for.
struct Piece {
  std::int32_t id = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  bool operator==(const Piece&) const = default;
};

/// Cuts words into tokens of a vocabulary: WordPiece, Bpe or Unigram. Immutable as seen from outside, so it
/// is safe to share between threads.
class Model {
 public:
  virtual ~Model() = default;

  /// Appends the pieces of `word`: well-formed UTF-8, or any bytes for a model of WordForm::kBytes; less than
  /// 2^31 bytes. Takes n log n time in the length of the word. A character without a token is the unknown
  /// token; if there is none, BPE leaves the character out and Unigram throws InvalidArgument. BPE throws
  /// InvalidArgument if the file names an unknown token that the vocabulary lacks.
  virtual void append_pieces(std::string_view word, std::vector<Piece>& pieces) const = 0;
};

/// How the pre-tokenizer hands over words.
enum class WordForm {
  kText,   ///< as the model's tokens are written
  kBytes,  ///< as bytes, where the model's tokens are written in byte-level characters: "Ġ" is the byte 0x20.
           ///< Gives what the word in those characters gives, without writing it so.
};

struct ModelAndTokens {
  Tokens tokens;
  std::unique_ptr<const Model> model;
};

/// Whether make_model takes WordForm::kBytes: a BPE without byte_fallback, continuing_subword_prefix and
/// end_of_word_suffix, as all byte-level models in use but CLIP's.
bool takes_bytes(const base::JsonFields& model);

/// The model of tokenizer.json's object "model", and its vocabulary. Throws FormatError that names the field
/// for: a type other than WordPiece, BPE and Unigram; what Tokens refuses; an unknown token that is not in
/// the vocabulary (WordPiece, Unigram); merges of tokens that are not in the vocabulary; dropout. Throws
/// InvalidArgument for WordForm::kBytes where takes_bytes is false.
ModelAndTokens make_model(const base::JsonFields& model, WordForm form = WordForm::kText);

}  // namespace kdqat::text
