#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::text {

/// Bytes [begin, end) of the original text.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  bool operator==(const Span&) const = default;
};

/// A text on its way through a tokenizer and, where asked for, the part of the original that each of its
/// bytes stands for, as Hugging Face's NormalizedString keeps it:
///
///   AlignedText text;
///   text.is_aligned = true;
///   text.assign("Ä!", 0);           // origins: {0, 2}, {0, 2}, {2, 3}
///   normalizer.normalize(text, spare);  // bytes "a!", origins {0, 2}, {2, 3}
struct AlignedText {
  bool is_aligned = false;
  std::string bytes;          ///< well-formed UTF-8
  std::vector<Span> origins;  ///< of each byte; empty unless is_aligned
  std::size_t longest = 0;    ///< bytes that a form of what was assigned may have (check_size)

  /// A piece of the original that begins at byte `begin`.
  void assign(std::string_view piece, std::size_t begin);

  void clear();

  /// Throws InvalidArgument if a new form of this text would be 64 times as long as what was assigned, which
  /// it never is in a usual tokenizer.
  void check_size(std::size_t new_size) const {
    if (new_size > longest) refuse_size();
  }

  /// Gives the bytes that were appended since the last call the origin `origin`.
  void align(Span origin) {
    if (is_aligned) origins.resize(bytes.size(), origin);
  }

  /// Appends bytes [begin, end) of another text with their origins.
  void append(const AlignedText& other, std::size_t begin, std::size_t end);

  /// The origin of a byte; {} unless is_aligned.
  Span origin(std::size_t position) const { return is_aligned ? origins[position] : Span{}; }

  void swap(AlignedText& other) noexcept {
    bytes.swap(other.bytes);
    origins.swap(other.origins);
  }

 private:
  [[noreturn]] void refuse_size() const;
};

/// Writes the new form of a text character by character, and aligns each to the character of the old one that
/// stands at its place, as Hugging Face's NormalizedString::transform does. It counts characters: where a
/// normalizer reorders them, the n-th new one has the origin of the n-th old one.
class AlignedWriter {
 public:
  AlignedWriter(const AlignedText& from, AlignedText& to) : from_(from), to_(to) {}

  /// Appends a character. `change`: 0 if it takes the place of the next old one, -n if n more old ones are
  /// dropped behind that, 1 if it comes in addition (it has the origin of the old one before).
  void write(char32_t character, int change);

  /// Appends bytes [begin, end) of the old text, each character in the place of the next old one.
  void copy(std::size_t begin, std::size_t end);

 private:
  void pass_character();

  const AlignedText& from_;
  AlignedText& to_;
  std::size_t position_ = 0;  // in from_
};

}  // namespace kdqat::text
