#include "kdqat/base/message.h"

#include <cstddef>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::base {

std::string at_line(const std::string& file, std::int64_t line) { return concat(file, ", line ", line); }

std::string list(std::span<const std::string> items) {
  constexpr std::size_t kMost = 20;
  std::string out;
  for (std::size_t i = 0; i < items.size() && i < kMost; ++i) {
    if (i > 0) out += ", ";
    out += quote(items[i]);
  }
  if (items.size() > kMost) out += concat(" and ", items.size() - kMost, " more");
  return out;
}

}  // namespace kdqat::base
