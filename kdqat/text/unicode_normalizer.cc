#include "kdqat/text/unicode_normalizer.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

/// A character of the new text, how many old ones it stands for (AlignedWriter::write), and its class.
struct Part {
  char32_t character;
  int change;
  int combining_class;
};

std::vector<Part> decompose(std::string_view segment, bool is_compatible) {
  std::vector<Part> parts;
  auto first_mark = static_cast<std::ptrdiff_t>(0);
  const auto sort_marks = [&] {
    std::stable_sort(parts.begin() + first_mark, parts.end(),
                     [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
  };
  for (std::size_t position = 0; position < segment.size();) {
    int change = 0;
    for (const char32_t part : Decomposition(next_character(segment, position), is_compatible)) {
      const int part_class = combining_class(part);
      if (part_class == 0) sort_marks();
      parts.push_back({.character = part, .change = change, .combining_class = part_class});
      if (part_class == 0) first_mark = static_cast<std::ptrdiff_t>(parts.size());
      change = 1;
    }
  }
  sort_marks();
  return parts;
}

/// Joins each starter with the marks behind it that it composes with and that no other mark stands before.
void compose_parts(std::vector<Part>& parts) {
  std::vector<Part> composed;
  std::optional<std::size_t> starter;  // in `composed`
  int last_class = 0;                  // of the marks between the starter and here; 0 if there are none
  for (const Part& part : parts) {
    const bool is_blocked = last_class != 0 && last_class >= part.combining_class;
    const auto joined = starter && !is_blocked ? compose(composed[*starter].character, part.character)
                                               : std::optional<char32_t>();
    if (joined) {
      composed[*starter].character = *joined;
      composed[*starter].change += part.change - 1;
      continue;
    }
    if (part.combining_class == 0) {
      starter = composed.size();
      last_class = 0;
    } else if (starter) {
      last_class = part.combining_class;
    }
    composed.push_back(part);
  }
  parts.swap(composed);
}

}  // namespace

bool UnicodeNormalizer::may_change(char32_t character) const {
  return !(form_.composes ? is_inert(character, form_.is_compatible)
                          : is_decomposed(character, form_.is_compatible));
}

void UnicodeNormalizer::normalize(AlignedText& text, AlignedText& spare) const {
  const std::string_view bytes = text.bytes;
  spare.clear();
  AlignedWriter writer(text, spare);
  std::size_t done = 0;  // what is written
  std::size_t last = 0;  // the character before `position`
  for (std::size_t position = 0; position < bytes.size();) {
    std::size_t end = position;
    if (static_cast<unsigned char>(bytes[position]) < 0x80 || !may_change(next_character(bytes, end))) {
      last = position;
      position += character_length(bytes[position]);
      continue;
    }
    // From the character before, which a mark may join, to the next one that stays as it is.
    writer.copy(done, last);
    std::size_t next = end;
    while (end < bytes.size() && may_change(next_character(bytes, next))) end = next;
    std::vector<Part> parts = decompose(bytes.substr(last, end - last), form_.is_compatible);
    if (form_.composes) compose_parts(parts);
    for (const Part& part : parts) writer.write(part.character, part.change);
    done = last = position = end;
  }
  if (done == 0) return;
  writer.copy(done, bytes.size());
  text.swap(spare);
}

}  // namespace kdqat::text
