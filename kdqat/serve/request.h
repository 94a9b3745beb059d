#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::serve {

/// Texts to classify or to embed, as the body of a request gives them.
struct TextRequest {
  struct Text {
    std::string text;
    std::optional<std::string> pair;
  };

  std::string model;  ///< name of a model; empty: the first
  std::vector<Text> texts;
};

/// Reads {"text": "...", "pair": "..."?, "model": "..."?} or {"texts": [...], "model": "..."?}, where each of
/// `texts` is a string or {"text", "pair"?}. Throws HttpError 400 that names what was expected and found for
/// anything else (bytes that are not UTF-8, an unknown field, no text), and 413 for more than `max_texts`
/// texts.
TextRequest parse_text_request(std::string_view body, std::int64_t max_texts);

}  // namespace kdqat::serve
