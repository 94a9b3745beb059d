// Any bytes as the body of a request: texts, or an HttpError of 400 or 413.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "kdqat/serve/http_error.h"
#include "kdqat/serve/request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::int64_t kMaxTexts = 4;
  try {
    const kdqat::serve::TextRequest request =
        kdqat::serve::parse_text_request({reinterpret_cast<const char*>(bytes), size}, kMaxTexts);
    if (request.texts.empty() || request.texts.size() > kMaxTexts) std::abort();
  } catch (const kdqat::serve::HttpError& error) {
    if (error.status() != 400 && error.status() != 413) std::abort();
  }
  return 0;
}
