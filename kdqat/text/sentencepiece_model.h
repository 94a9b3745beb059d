#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kdqat::text {

/// What a sentencepiece model file (sentencepiece.bpe.model, spm.model) says, as far as tokenizing needs it.
/// The names are those of sentencepiece_model.proto, which has the defaults too.
struct SentencePieceModel {
  enum class ModelType : std::uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };
  enum class PieceType : std::uint8_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,
    kByte = 6
  };
  struct Piece {
    std::string piece;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };

  std::vector<Piece> pieces;  ///< id = position
  ModelType model_type = ModelType::kUnigram;
  std::int64_t unk_id = 0;
  std::string unk_piece = "<unk>";
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  std::string precompiled_charsmap;  ///< for CharMap; empty if text is not replaced
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

/// Reads a model file's bytes, a message ModelProto of Protocol Buffers. Fields that are not named above are
/// passed over. Throws FormatError, which begins with `where`, for: a field that is cut off or has another
/// wire type; a piece that is not UTF-8; a type out of its range; a model without pieces; an unk_id that is
/// not the id of a piece.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& where);

/// The merges that a BPE model's pieces imply, as Hugging Face's transformers writes them to tokenizer.json:
/// each piece, in the order of ids, from each pair of pieces that it can be cut into, the shortest left one
/// first.
std::vector<std::pair<std::string, std::string>> find_merges(const SentencePieceModel& model);

}  // namespace kdqat::text
