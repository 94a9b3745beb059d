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

/// Cuts words into tokens of a vocabulary: WordPiece, Bpe or Unigram. Immutable as seen from outside, so it is
/// safe to share between threads.
class Model {
 public:
  virtual ~Model() = default;

  /// Appends the pieces of `word`: well-formed UTF-8, or any bytes for a model of WordForm::kBytes; of at most
  /// 2^31 bytes. Takes n log n time in the length of the word. Throws InvalidArgument for a character that no
  /// token covers where the model has no unknown token (BPE drops it if the file names none, as Hugging Face).
  virtual void append_pieces(std::string_view word, std::vector<Piece>& pieces) const = 0;
};

/// How the pre-tokenizer writes words.
enum class WordForm {
  kText,   ///< as they are
  kBytes,  ///< as they are, for a model of type BPE whose tokens are written in byte-level characters: "Ġ" is
           ///< the byte 0x20. Gives what the word in those characters gives, without writing it so.
};

struct ModelAndTokens {
  Tokens tokens;
  std::unique_ptr<const Model> model;
};

/// The model of tokenizer.json's object "model", and its vocabulary. Throws FormatError that names the field
/// for: a type other than WordPiece, BPE and Unigram; what Tokens refuses; an unknown token that is not in the
/// vocabulary (WordPiece, Unigram); merges of tokens that are not in the vocabulary; dropout. Throws
/// InvalidArgument for WordForm::kBytes with a model other than BPE.
ModelAndTokens make_model(const base::JsonFields& model, WordForm form = WordForm::kText);

}  // namespace kdqat::text
