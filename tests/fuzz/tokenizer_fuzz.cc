// Any bytes as a tokenizer and a text: a byte of settings, a vocabulary up to a zero byte, a text up to a
// zero byte, a pair. They are refused with an Error, or give ids of the vocabulary, no more than were asked
// for.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "kdqat/base/error.h"
#include "kdqat/text/tokenizer.h"
#include "kdqat/text/vocabulary.h"

namespace kdqat {
namespace {

/// What stands before the next zero byte, which is taken away with it; nothing at the end.
std::optional<std::string_view> take(std::string_view& rest) {
  if (rest.data() == nullptr) return std::nullopt;
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest = part.size() < rest.size() ? rest.substr(part.size() + 1) : std::string_view{};
  return part;
}

void tokenize(std::uint8_t settings, std::string_view rest) {
  const std::vector<std::string> tokens = text::split_lines(take(rest).value_or(""));
  const nlohmann::json fields = {{"do_lower_case", (settings & 1) != 0},
                                 {"tokenize_chinese_chars", (settings & 2) != 0},
                                 {"strip_accents", (settings & 4) != 0},
                                 {"num_pieces", tokens.size()},
                                 {"added_tokens", nlohmann::json::array()}};
  const text::Tokenizer tokenizer(text::vocabulary_from_settings(fields, tokens, "vocabulary"));
  const std::string_view first = take(rest).value_or("");
  const std::int64_t longest = 3 + settings / 8;
  const text::Encoding encoding = tokenizer.encode(first, take(rest), longest);
  if (encoding.input_ids.size() > static_cast<std::size_t>(longest)) std::abort();
  if (encoding.input_ids.size() != encoding.token_type_ids.size()) std::abort();
  for (const std::int32_t id : encoding.input_ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  }
}

}  // namespace
}  // namespace kdqat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  try {
    kdqat::tokenize(bytes[0], {reinterpret_cast<const char*>(bytes) + 1, size - 1});
  } catch (const kdqat::base::Error&) {  // what a wrong vocabulary or text is answered with
  }
  return 0;
}
