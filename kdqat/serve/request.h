#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The body of a request:
//
//   parse_text_request(R"({"text": "a fine film"})", 256).texts[0].text;  // "a fine film"

namespace kdqat::serve {

/// The texts of a request, to classify or to embed.
struct TextRequest {
  struct Text {
    std::string text;
    std::optional<std::string> pair;
  };

  std::string model;  ///< name of the model; empty: the first
  std::vector<Text> texts;
};

/// Reads one of these; "?" marks an optional field:
///
///   {"text": "...", "pair": "..."?, "model": "..."?}
///   {"texts": ["...", {"text": "...", "pair": "..."?}, ...], "model": "..."?}
///
/// Throws HttpError 413 for more than `max_texts` texts, and 400 that names what was expected and found for
/// anything else: bytes that are not UTF-8, an unknown field, no text.
TextRequest parse_text_request(std::string_view body, std::int64_t max_texts);

}  // namespace kdqat::serve
