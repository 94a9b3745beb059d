#include "kdqat/text/pattern.h"

#include <string>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/text/regex.h"

namespace kdqat::text {
namespace {

class StringPattern : public Pattern {
 public:
  explicit StringPattern(std::string text) : text_(std::move(text)) {}

  std::optional<Match> find(std::string_view text, std::size_t from) const override {
    const std::size_t position = text.find(text_, from);
    if (position == std::string_view::npos) return std::nullopt;
    return Match{.begin = position, .end = position + text_.size()};
  }

 private:
  std::string text_;
};

}  // namespace

std::unique_ptr<const Pattern> make_pattern(const base::JsonFields& fields, std::string_view name) {
  const base::JsonFields pattern = fields.object(name);
  if (pattern.find("Regex") != nullptr) return make_regex(pattern.string_or("Regex", ""), pattern.where());
  std::string text = pattern.string_or("String", "");
  if (text.empty()) pattern.fail("String", "a text that is not empty");
  return std::make_unique<StringPattern>(std::move(text));
}

}  // namespace kdqat::text
