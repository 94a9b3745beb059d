// Any bytes as a tokenizer and a text: a byte of settings, a tokenizer up to a zero byte (a tokenizer.json if
// it begins with {, else the tokens of a packed file of version 1, one a line), a text up to a zero byte, a
// pair. They are refused with an Error, or give ids of the vocabulary, no more than were asked for, the same
// with offsets as without, and offsets within the texts.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/text/bert_document.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat {
namespace {

/// What stands before the next zero byte, which is taken away with it; nothing at the end.
std::optional<std::string_view> take(std::string_view& rest) {
  if (rest.data() == nullptr) return std::nullopt;
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest = part.size() < rest.size() ? rest.substr(part.size() + 1) : std::string_view{};
  return part;
}

nlohmann::json make_document(std::uint8_t settings, std::string_view tokenizer) {
  if (tokenizer.starts_with('{')) return base::parse_json(tokenizer, "tokenizer.json");
  const std::vector<std::string> tokens = text::split_lines(tokenizer);
  const nlohmann::json fields = {{"do_lower_case", (settings & 1) != 0},
                                 {"tokenize_chinese_chars", (settings & 2) != 0},
                                 {"strip_accents", (settings & 4) != 0},
                                 {"num_pieces", tokens.size()},
                                 {"added_tokens", nlohmann::json::array()}};
  return text::make_version_1_document(fields, tokens, "vocabulary");
}

void tokenize(std::uint8_t settings, std::string_view rest) {
  const text::Tokenizer tokenizer(make_document(settings, take(rest).value_or("")));
  const std::string_view first = take(rest).value_or("");
  const std::optional<std::string_view> pair = take(rest);
  const std::int64_t longest = tokenizer.num_special_tokens(pair.has_value()) + settings / 8;
  const text::Encoding encoding = tokenizer.encode(first, pair, longest);
  if (encoding.input_ids.size() > static_cast<std::size_t>(longest)) std::abort();
  if (encoding.input_ids.size() != encoding.token_type_ids.size()) std::abort();
  for (const std::int32_t id : encoding.input_ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  }
  const text::Encoding with_offsets = tokenizer.encode_with_offsets(first, pair, longest);
  if (with_offsets.input_ids != encoding.input_ids) std::abort();
  if (with_offsets.offsets.size() != encoding.input_ids.size()) std::abort();
  const auto end = static_cast<std::int64_t>(std::max(first.size(), pair.value_or("").size()));
  for (const text::Offsets offsets : with_offsets.offsets) {
    if (offsets.begin < 0 || offsets.end > end || offsets.begin > offsets.end) std::abort();
  }
}

}  // namespace
}  // namespace kdqat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  try {
    kdqat::tokenize(bytes[0], {reinterpret_cast<const char*>(bytes) + 1, size - 1});
  } catch (const kdqat::base::Error&) {  // what a wrong tokenizer or text is answered with
  }
  return 0;
}
