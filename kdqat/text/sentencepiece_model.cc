#include "kdqat/text/sentencepiece_model.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <optional>

#include "kdqat/base/error.h"
#include "kdqat/text/tokens.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;

/// Reads the fields of a message one after the other: while (message.next()) switch (message.number()) ...
class ProtoReader {
 public:
  ProtoReader(std::string_view bytes, std::string where) : rest_(bytes), where_(std::move(where)) {}

  /// Reads the next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t key = read_varint();
    number_ = key >> 3U;
    wire_type_ = static_cast<WireType>(key & 7U);
    switch (wire_type_) {
      case WireType::kVarint:
        varint_ = read_varint();
        break;
      case WireType::kFixed64:
        bytes_ = read_bytes(8);
        break;
      case WireType::kBytes:
        bytes_ = read_bytes(read_varint());
        break;
      case WireType::kFixed32:
        bytes_ = read_bytes(4);
        break;
      default:
        throw FormatError(concat(where_, ": field ", number_,
                                 ": expected a wire type of Protocol Buffers, found ", key & 7U));
    }
    return true;
  }

  std::uint64_t number() const { return number_; }
  const std::string& where() const { return where_; }

  std::string_view bytes() const {
    check(WireType::kBytes, "bytes");
    return bytes_;
  }
  std::int64_t integer() const {
    check(WireType::kVarint, "an integer");
    return static_cast<std::int64_t>(varint_);
  }
  bool boolean() const { return integer() != 0; }
  float number32() const {
    check(WireType::kFixed32, "a float");
    std::uint32_t bits = 0;
    for (std::size_t i = 4; i-- > 0;) bits = bits << 8U | static_cast<unsigned char>(bytes_[i]);
    return std::bit_cast<float>(bits);
  }

 private:
  enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  void check(WireType expected, std::string_view what) const {
    if (wire_type_ == expected) return;
    throw FormatError(concat(where_, ": field ", number_, ": expected ", what, ", found wire type ",
                             static_cast<int>(wire_type_)));
  }

  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (unsigned int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    throw FormatError(concat(where_, ": expected a whole field of Protocol Buffers, found a number cut off"));
  }

  std::string_view read_bytes(std::uint64_t size) {
    if (size > rest_.size()) {
      throw FormatError(
          concat(where_, ": field ", number_, ": expected ", size, " bytes, found ", rest_.size()));
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest_;
  std::string where_;
  std::uint64_t number_ = 0;
  WireType wire_type_ = WireType::kVarint;
  std::uint64_t varint_ = 0;
  std::string_view bytes_;
};

template <typename Enum>
Enum read_enum(const ProtoReader& message, int greatest) {
  const std::int64_t value = message.integer();
  if (value < 1 || value > greatest) {
    throw FormatError(
        concat(message.where(), ": type: expected a number from 1 to ", greatest, ", found ", value));
  }
  return static_cast<Enum>(value);
}

SentencePieceModel::Piece read_piece(std::string_view bytes, const std::string& where) {
  SentencePieceModel::Piece piece;
  ProtoReader message(bytes, where);
  while (message.next()) {
    switch (message.number()) {
      case 1:
        piece.piece = message.bytes();
        break;
      case 2:
        piece.score = message.number32();
        break;
      case 3:
        piece.type = read_enum<SentencePieceModel::PieceType>(message, 6);
        break;
      default:
        break;
    }
  }
  if (find_invalid_utf8(piece.piece)) throw FormatError(concat(where, ": expected UTF-8, found other bytes"));
  if (!std::isfinite(piece.score)) {
    throw FormatError(concat(where, ": score: expected a finite number, found ", piece.score));
  }
  return piece;
}

void read_trainer_spec(std::string_view bytes, const std::string& where, SentencePieceModel& model) {
  ProtoReader message(bytes, where);
  while (message.next()) {
    switch (message.number()) {
      case 3:
        model.model_type = read_enum<SentencePieceModel::ModelType>(message, 4);
        break;
      case 24:
        model.treat_whitespace_as_suffix = message.boolean();
        break;
      case 35:
        model.byte_fallback = message.boolean();
        break;
      case 40:
        model.unk_id = message.integer();
        break;
      case 45:
        model.unk_piece = message.bytes();
        break;
      default:
        break;
    }
  }
}

void read_normalizer_spec(std::string_view bytes, const std::string& where, SentencePieceModel& model) {
  ProtoReader message(bytes, where);
  while (message.next()) {
    switch (message.number()) {
      case 2:
        model.precompiled_charsmap = message.bytes();
        break;
      case 3:
        model.add_dummy_prefix = message.boolean();
        break;
      case 4:
        model.remove_extra_whitespaces = message.boolean();
        break;
      case 5:
        model.escape_whitespaces = message.boolean();
        break;
      default:
        break;
    }
  }
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  ProtoReader message(bytes, where);
  while (message.next()) {
    switch (message.number()) {
      case 1:
        // Not concat: its stream would take most of the time.
        model.pieces.push_back(
            read_piece(message.bytes(), where + ": pieces[" + std::to_string(model.pieces.size()) + "]"));
        break;
      case 2:
        read_trainer_spec(message.bytes(), concat(where, ": trainer_spec"), model);
        break;
      case 3:
        read_normalizer_spec(message.bytes(), concat(where, ": normalizer_spec"), model);
        break;
      default:
        break;
    }
  }
  if (model.pieces.empty()) throw FormatError(concat(where, ": expected pieces, found none"));
  if (model.unk_id < 0 || std::cmp_greater_equal(model.unk_id, model.pieces.size())) {
    throw FormatError(concat(where, ": trainer_spec: unk_id: expected an id from 0 to ",
                             model.pieces.size() - 1, ", found ", model.unk_id));
  }
  return model;
}

std::vector<std::pair<std::string, std::string>> find_merges(const SentencePieceModel& model) {
  std::vector<std::string> pieces;
  for (const SentencePieceModel::Piece& piece : model.pieces) pieces.push_back(piece.piece);
  const Tokens tokens(std::move(pieces));
  std::vector<std::pair<std::string, std::string>> merges;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    const std::string_view whole = piece.piece;
    for (std::size_t cut = 0; cut < whole.size();) {
      cut += character_length(whole[cut]);
      const std::string_view left = whole.substr(0, cut);
      const std::string_view right = whole.substr(cut);
      if (!right.empty() && tokens.find(left) && tokens.find(right)) merges.emplace_back(left, right);
    }
  }
  return merges;
}

}  // namespace kdqat::text
