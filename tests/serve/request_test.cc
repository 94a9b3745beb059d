#include "kdqat/serve/request.h"

#include <gmock/gmock.h>

#include "kdqat/serve/http_error.h"

namespace kdqat::serve {
namespace {

using testing::HasSubstr;

/// Status and message of a body that is refused.
std::pair<int, std::string> refusal(std::string_view body) {
  try {
    parse_text_request(body, 2);
  } catch (const HttpError& error) {
    return {error.status(), error.what()};
  }
  return {200, ""};
}

TEST(TextRequest, OneTextStandsInTheBodyItself) {
  const TextRequest request = parse_text_request(R"({"text": "a", "pair": "b", "model": "m"})", 2);
  EXPECT_EQ(request.model, "m");
  ASSERT_EQ(request.texts.size(), 1U);
  EXPECT_EQ(request.texts[0].text, "a");
  EXPECT_EQ(request.texts[0].pair, "b");
}

TEST(TextRequest, ManyAreStringsOrObjects) {
  const TextRequest request = parse_text_request(R"({"texts": ["a", {"text": "b", "pair": null}]})", 2);
  ASSERT_EQ(request.texts.size(), 2U);
  EXPECT_EQ(request.texts[0].text, "a");
  EXPECT_EQ(request.texts[1].text, "b");
  EXPECT_EQ(request.texts[1].pair, std::nullopt);
}

TEST(TextRequest, WhatIsWrongIsNamed) {
  const std::vector<std::pair<const char*, const char*>> bodies = {
      {"", "expected JSON"},
      {"{\"text\": \"a\"", "expected JSON"},
      {"{\"text\": \"\xff\"}", "expected JSON"},
      {R"({"text": "\ud800"})", "expected JSON"},
      {R"({"text": "a"} {})", "expected JSON"},
      {"[]", "expected an object, found array"},
      {"{}", "expected \"text\""},
      {R"({"text": 3})", "\"text\": expected a string, found number"},
      {R"({"text": "a", "pair": []})", "\"pair\": expected a string, found array"},
      {R"({"text": "a", "model": 1})", "\"model\": expected a string, found number"},
      {R"({"text": "a", "extra": 1})", "found \"extra\""},
      {R"({"texts": "a"})", "expected an array, found string"},
      {R"({"texts": []})", "expected at least one text"},
      {R"({"texts": ["a"], "text": "b"})", "found both"},
      {R"({"texts": ["a", 3]})", "number 1: expected a string or"},
      {R"({"texts": [{"pair": "b"}]})", "number 0: expected \"text\""},
  };
  for (const auto& [body, part] : bodies) {
    const auto [status, message] = refusal(body);
    EXPECT_EQ(status, 400) << body;
    EXPECT_THAT(message, HasSubstr(part)) << body;
  }
}

TEST(TextRequest, MoreTextsThanAllowedAre413) {
  EXPECT_EQ(refusal(R"({"texts": ["a", "b"]})").first, 200);
  EXPECT_EQ(refusal(R"({"texts": ["a", "b", "c"]})").first, 413);
}

TEST(TextRequest, BracketsAloneDoNotFillMemory) {
  EXPECT_THAT(refusal(std::string(1 << 20, '[')).second, HasSubstr("levels"));
}

}  // namespace
}  // namespace kdqat::serve
