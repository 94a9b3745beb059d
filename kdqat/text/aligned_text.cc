#include "kdqat/text/aligned_text.h"

#include "kdqat/base/error.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr std::size_t kMostGrowth = 64;

}  // namespace

void AlignedText::assign(std::string_view piece, std::size_t begin) {
  bytes.assign(piece);
  longest = kMostGrowth * (piece.size() + kMostGrowth);
  origins.clear();
  if (!is_aligned) return;
  origins.reserve(piece.size());
  for (std::size_t position = 0; position < piece.size();) {
    const std::size_t end = position + character_length(piece[position]);
    origins.resize(end, {.begin = static_cast<std::uint32_t>(begin + position),
                         .end = static_cast<std::uint32_t>(begin + end)});
    position = end;
  }
}

void AlignedText::clear() {
  bytes.clear();
  origins.clear();
}

void AlignedText::append(const AlignedText& other, std::size_t begin, std::size_t end) {
  bytes.append(other.bytes, begin, end - begin);
  if (is_aligned) {
    const auto first = other.origins.begin();
    origins.insert(origins.end(), first + static_cast<std::ptrdiff_t>(begin),
                   first + static_cast<std::ptrdiff_t>(end));
  }
}

void AlignedText::refuse_size() const {
  throw base::InvalidArgument(
      base::concat("text: expected a normalized form of up to ", longest, " bytes, found a longer one"));
}

void AlignedWriter::write(char32_t character, int change) {
  append_character(character, to_.bytes);
  if (!from_.is_aligned) return;
  if (change > 0) {
    to_.align(position_ == 0 ? Span{} : from_.origins[position_ - 1]);
    return;
  }
  to_.align(position_ < from_.origins.size() ? from_.origins[position_] : from_.origins.back());
  for (int i = change; i <= 0; ++i) pass_character();
}

void AlignedWriter::copy(std::size_t begin, std::size_t end) {
  if (!from_.is_aligned) {
    to_.bytes.append(from_.bytes, begin, end - begin);
    return;
  }
  while (begin < end) write(next_character(from_.bytes, begin), 0);
}

void AlignedWriter::pass_character() {
  if (position_ < from_.bytes.size()) position_ += character_length(from_.bytes[position_]);
}

}  // namespace kdqat::text
