#include "kdqat/serve/request.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "kdqat/serve/http_error.h"

namespace kdqat::serve {
namespace {

using base::concat;
using nlohmann::json;

/// Deeper than any request that is right, and shallow enough for a body of brackets alone.
constexpr int kMaxDepth = 8;

[[noreturn]] void refuse(const std::string& message) { throw HttpError(400, message); }

json parse_json(std::string_view body) {
  const auto check_depth = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) refuse(concat("body: expected JSON of at most ", kMaxDepth, " levels"));
    return true;
  };
  try {
    return json::parse(body, check_depth);
  } catch (const json::exception& error) {
    refuse(concat("body: expected JSON: ", error.what()));
  }
}

const std::string& string_of(const json& value, const std::string& where) {
  if (!value.is_string()) refuse(concat(where, ": expected a string, found ", value.type_name()));
  return value.get_ref<const std::string&>();
}

TextRequest::Text text_of(const json& value, const std::string& where) {
  if (value.is_string()) return {.text = string_of(value, where), .pair = {}};
  if (!value.is_object()) {
    refuse(concat(where, ": expected a string or {\"text\", \"pair\"?}, found ", value.type_name()));
  }
  TextRequest::Text result;
  bool found = false;
  for (const auto& [name, field] : value.items()) {
    if (name == "text") {
      result.text = string_of(field, where + ": \"text\"");
      found = true;
    } else if (name == "pair") {
      if (!field.is_null()) result.pair = string_of(field, where + ": \"pair\"");
    } else {
      refuse(concat(where, ": expected \"text\" and \"pair\", found \"", name, "\""));
    }
  }
  if (!found) refuse(concat(where, ": expected \"text\""));
  return result;
}

}  // namespace

TextRequest parse_text_request(std::string_view body, std::int64_t max_texts) {
  json document = parse_json(body);
  if (!document.is_object()) refuse(concat("body: expected an object, found ", document.type_name()));
  TextRequest request;
  if (const auto model = document.find("model"); model != document.end()) {
    request.model = string_of(*model, "\"model\"");
    document.erase(model);
  }
  const auto texts = document.find("texts");
  if (texts == document.end()) {
    request.texts.push_back(text_of(document, "body"));
    return request;
  }
  if (document.size() != 1) refuse("body: expected either \"texts\" or \"text\" and \"pair\", found both");
  if (!texts->is_array()) refuse(concat("\"texts\": expected an array, found ", texts->type_name()));
  if (texts->empty()) refuse("\"texts\": expected at least one text, found none");
  if (std::cmp_greater(texts->size(), max_texts)) {
    throw HttpError(413, concat("\"texts\": expected at most ", max_texts, ", found ", texts->size()));
  }
  for (const json& text : *texts) {
    request.texts.push_back(text_of(text, concat("\"texts\": number ", request.texts.size())));
  }
  return request;
}

}  // namespace kdqat::serve
