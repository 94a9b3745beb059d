#include "kdqat/text/precompiled_normalizer.h"

#include <optional>
#include <string_view>

#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

constexpr std::size_t kLongestWhole = 5;  // bytes of a letter and its marks that are replaced as a whole

int count_characters(std::string_view text) {
  int count = 0;
  for (std::size_t position = 0; position < text.size(); position += character_length(text[position]))
    ++count;
  return count;
}

/// Takes the new text where nobody asks for origins.
class PlainOutput {
 public:
  explicit PlainOutput(std::string& bytes) : bytes_(bytes) {}

  void keep(std::string_view part) { bytes_ += part; }
  void replace(std::string_view /*part*/, std::string_view replacement) { bytes_ += replacement; }
  void finish() {}

 private:
  std::string& bytes_;
};

/// Takes the new text with origins. A character waits until it is known how many dropped ones follow it. What
/// is dropped before the first character of the new text is not counted, as in Hugging Face's tokenizers.
class AlignedOutput {
 public:
  AlignedOutput(const AlignedText& from, AlignedText& to) : writer_(from, to) {}

  void keep(std::string_view part) {
    for (std::size_t position = 0; position < part.size();) push(next_character(part, position), 0);
  }

  void replace(std::string_view part, std::string_view replacement) {
    const int old_count = count_characters(part);
    int place = 0;
    for (std::size_t position = 0; position < replacement.size(); ++place) {
      push(next_character(replacement, position), place < old_count ? 0 : 1);
    }
    if (place < old_count && last_) last_->change -= old_count - place;
  }

  void finish() {
    if (last_) writer_.write(last_->character, last_->change);
  }

 private:
  struct Change {
    char32_t character;
    int change;
  };

  void push(char32_t character, int change) {
    finish();
    last_ = Change{.character = character, .change = change};
  }

  AlignedWriter writer_;
  std::optional<Change> last_;
};

}  // namespace

PrecompiledNormalizer::PrecompiledNormalizer(const base::JsonFields& fields)
    : map_(CharMap::from_json(fields, "precompiled_charsmap")) {
  for (std::size_t i = 0; i < is_replaced_.size(); ++i) {
    const char c = static_cast<char>(i);
    is_replaced_[i] = map_.find({&c, 1}).has_value();
  }
}

/// Whether anything was replaced.
template <typename Output>
bool PrecompiledNormalizer::replace(const AlignedText& text, const AlignedText& spare, Output& output) const {
  const std::string_view bytes = text.bytes;
  bool has_replaced = false;
  const auto replace_part = [&](std::string_view part) {
    const std::optional<std::string_view> replacement = map_.find(part);
    if (!replacement) return false;
    output.replace(part, *replacement);
    has_replaced = true;
    return true;
  };
  const auto is_plain = [&](std::size_t position) {
    const auto byte = static_cast<unsigned char>(bytes[position]);
    return byte < is_replaced_.size() && !is_replaced_[byte] && byte != '\r';
  };
  for (std::size_t position = 0; position < bytes.size();) {
    // An ASCII character before another one is a letter without marks.
    std::size_t end = position;
    while (end < bytes.size() && is_plain(end)) ++end;
    if (end < bytes.size() && end > position && static_cast<unsigned char>(bytes[end]) >= 0x80) --end;
    if (end > position) {
      output.keep(bytes.substr(position, end - position));
      position = end;
      continue;
    }
    text.check_size(spare.bytes.size());
    end = grapheme_end(bytes, position);
    const std::string_view grapheme = bytes.substr(position, end - position);
    if (grapheme.size() > kLongestWhole || !replace_part(grapheme)) {
      for (std::size_t begin = position; begin < end;) {
        const std::string_view part = bytes.substr(begin, character_length(bytes[begin]));
        if (!replace_part(part)) output.keep(part);
        begin += part.size();
      }
    }
    position = end;
  }
  output.finish();
  return has_replaced;
}

void PrecompiledNormalizer::normalize(AlignedText& text, AlignedText& spare) const {
  spare.clear();
  bool has_replaced = false;
  if (text.is_aligned) {
    AlignedOutput output(text, spare);
    has_replaced = replace(text, spare, output);
  } else {
    PlainOutput output(spare.bytes);
    has_replaced = replace(text, spare, output);
  }
  if (has_replaced) text.swap(spare);
}

}  // namespace kdqat::text
