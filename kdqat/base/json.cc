#include "kdqat/base/json.h"

#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"

namespace kdqat::base {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestQuote = 80;

/// Refuses what nlohmann::json lets through or what would only fail later: duplicate keys and deep nesting.
class ParseGuard {
 public:
  ParseGuard(std::string_view where, int max_depth) : where_(where), max_depth_(max_depth) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= max_depth_) {
      throw FormatError(concat(where_, ": expected JSON nested at most ", max_depth_, " deep, found more"));
    }
    switch (event) {
      case json::parse_event_t::object_start:
        keys_.emplace_back();
        break;
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!keys_.back().insert(key).second) {
          throw FormatError(concat(where_, ": ", quote(key), ": expected each name once, found it twice"));
        }
        break;
      }
      default:
        break;
    }
    return true;
  }

 private:
  std::string_view where_;
  int max_depth_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

std::string describe_range(std::int64_t minimum, std::int64_t maximum) {
  const bool any = minimum == std::numeric_limits<std::int64_t>::min();
  const bool unlimited = maximum == std::numeric_limits<std::int64_t>::max();
  if (any && unlimited) return "an integer";
  if (unlimited) return concat("an integer of at least ", minimum);
  return concat("an integer from ", minimum, " to ", maximum);
}

std::string escape_and_cut(std::string_view text, char delimiter) {
  std::size_t end = std::min(text.size(), kLongestQuote);
  // Not within a character: UTF-8 continues with bytes 10xxxxxx.
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  const std::string escaped = json(text.substr(0, end)).dump(-1, ' ', false, json::error_handler_t::replace);
  return concat(delimiter, std::string_view(escaped).substr(1, escaped.size() - 2), delimiter,
                end < text.size() ? "..." : "");
}

}  // namespace

json parse_json(std::string_view text, std::string_view where, int max_depth) {
  // The parser takes a zero byte for the end of its input and would not see what follows.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    throw FormatError(concat(where, ": expected JSON, found a zero byte at byte ", zero));
  }
  ParseGuard guard(where, max_depth);
  try {
    return json::parse(
        text.begin(), text.end(),
        [&guard](int depth, json::parse_event_t event, json& parsed) { return guard(depth, event, parsed); });
  } catch (const json::parse_error& error) {
    throw FormatError(concat(where, ": expected JSON in UTF-8, found a syntax error at byte ",
                             error.byte == 0 ? 0 : error.byte - 1));
  } catch (const json::out_of_range&) {
    throw FormatError(concat(where, ": expected numbers within the range of a double, found a larger one"));
  }
}

json read_json_file(const std::filesystem::path& path) {
  return parse_json(base::read_file(path), path.string());
}

std::string quote(std::string_view text) { return escape_and_cut(text, '\''); }

std::string describe(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return concat("an array of ", value.size(), " values");
  if (value.is_string()) return escape_and_cut(value.get_ref<const std::string&>(), '"');
  return value.dump();
}

JsonFields::JsonFields(const json& value, std::string where) : object_(value), where_(std::move(where)) {
  if (!value.is_object()) {
    throw FormatError(concat(where_, ": expected a JSON object, found ", describe(value)));
  }
}

const json* JsonFields::find(std::string_view name) const {
  const auto field = object_.find(name);
  return field == object_.end() || field->is_null() ? nullptr : &*field;
}

std::int64_t JsonFields::integer(std::string_view name, std::int64_t minimum, std::int64_t maximum) const {
  const json* const field = find(name);
  // A number above the largest int64 is stored as unsigned; get() would wrap it around.
  const bool fits = field != nullptr && field->is_number_integer() &&
                    !(field->is_number_unsigned() && std::cmp_greater(field->get<std::uint64_t>(), maximum));
  if (!fits || field->get<std::int64_t>() < minimum || field->get<std::int64_t>() > maximum) {
    fail(name, describe_range(minimum, maximum));
  }
  return field->get<std::int64_t>();
}

std::int64_t JsonFields::integer_or(std::string_view name, std::int64_t minimum, std::int64_t maximum,
                                    std::int64_t fallback) const {
  return find(name) == nullptr ? fallback : integer(name, minimum, maximum);
}

std::optional<std::int64_t> JsonFields::optional_integer(std::string_view name, std::int64_t minimum,
                                                         std::int64_t maximum) const {
  return find(name) == nullptr ? std::nullopt : std::optional(integer(name, minimum, maximum));
}

double JsonFields::number(std::string_view name) const {
  const json* const field = find(name);
  if (field == nullptr || !field->is_number()) fail(name, "a number");
  return field->get<double>();
}

std::optional<double> JsonFields::optional_number(std::string_view name) const {
  return find(name) == nullptr ? std::nullopt : std::optional(number(name));
}

double JsonFields::number_or(std::string_view name, double fallback) const {
  return optional_number(name).value_or(fallback);
}

std::string JsonFields::string_or(std::string_view name, std::string_view fallback) const {
  const json* const field = find(name);
  if (field == nullptr) return std::string(fallback);
  if (!field->is_string()) fail(name, "a string");
  return field->get<std::string>();
}

bool JsonFields::boolean_or(std::string_view name, bool fallback) const {
  const json* const field = find(name);
  if (field == nullptr) return fallback;
  if (!field->is_boolean()) fail(name, "true or false");
  return field->get<bool>();
}

JsonFields JsonFields::object(std::string_view name) const {
  const json* const field = find(name);
  if (field == nullptr || !field->is_object()) fail(name, "an object");
  return {*field, concat(where_, ": ", name)};
}

std::optional<JsonFields> JsonFields::optional_object(std::string_view name) const {
  return find(name) == nullptr ? std::nullopt : std::optional(object(name));
}

std::vector<JsonFields> JsonFields::objects(std::string_view name) const {
  const json* const field = find(name);
  if (field == nullptr || !field->is_array()) fail(name, "a list");
  std::vector<JsonFields> all;
  for (const json& value : *field) all.emplace_back(value, concat(where_, ": ", name, '[', all.size(), ']'));
  return all;
}

std::map<std::string, double> JsonFields::numbers(std::string_view name) const {
  std::map<std::string, double> all;
  const std::optional<JsonFields> fields = optional_object(name);
  if (!fields) return all;
  for (const auto& [key, value] : fields->object_.items()) {
    if (const std::optional<double> number = fields->optional_number(key)) all[key] = *number;
  }
  return all;
}

std::map<std::string, std::vector<double>> JsonFields::number_lists(std::string_view name) const {
  std::map<std::string, std::vector<double>> all;
  const std::optional<JsonFields> fields = optional_object(name);
  if (!fields) return all;
  for (const auto& [key, values] : fields->object_.items()) {
    if (!values.is_array()) fields->fail(key, "a list of numbers");
    std::vector<double>& list = all[key];
    for (const json& value : values) {
      if (!value.is_number() && !value.is_null()) fields->fail(key, "a list of numbers");
      list.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
    }
  }
  return all;
}

void JsonFields::fail(std::string_view name, std::string_view expected) const {
  const auto field = object_.find(name);
  throw FormatError(concat(where_, ": ", name, ": expected ", expected, ", found ",
                           field == object_.end() ? "no such field" : describe(*field)));
}

}  // namespace kdqat::base
