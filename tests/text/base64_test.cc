#include "kdqat/text/base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kdqat/base/random.h"

namespace kdqat::text {
namespace {

using ::testing::Optional;

TEST(Base64Test, GivesTheExamplesOfRfc4648) {
  const char* const examples[][2] = {{"", ""},
                                     {"f", "Zg=="},
                                     {"fo", "Zm8="},
                                     {"foo", "Zm9v"},
                                     {"foob", "Zm9vYg=="},
                                     {"fooba", "Zm9vYmE="},
                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_THAT(decode_base64(text), Optional(std::string(bytes)));
  }
}

TEST(Base64Test, DecodesWhatItEncodes) {
  base::Random random(/*seed=*/1);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    EXPECT_THAT(decode_base64(encode_base64(bytes)), Optional(bytes));
  }
}

TEST(Base64Test, RefusesAllElse) {
  for (const char* const text : {"Z", "Zg", "Zg=", "Zg==Zg==", "====", "=", "Z===", "Zm9v\n", "Zm 9", "Zm9-",
                                 "Zh==", "Zm9=", "Zé=="}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace kdqat::text
