#include "kdqat/text/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/text/base64.h"
#include "kdqat/text/tokenizer.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kNoLimit = 1'000'000'000;

/// A model directory of its own for each test.
class TokenizerFilesTest : public ::testing::Test {
 protected:
  TokenizerFilesTest() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fs::path(::testing::TempDir()) / "kdqat-tokenizer-files" / info->name();
    clear();
  }
  ~TokenizerFilesTest() override { fs::remove_all(dir_); }

  void clear() const {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void write(const std::string& name, const std::string& content) const {
    base::write_file_atomically(dir_ / name, content);
  }
  void write_json(const std::string& name, const json& content) const { write(name, content.dump()); }

  Ids ids_of(std::string_view text) const {
    return Tokenizer::load(dir_).encode(text, std::nullopt, kNoLimit).input_ids;
  }

  /// That loading fails with `message`, which begins with the path of `file`.
  void expect_format_error(const std::string& file, const std::string& message) const {
    EXPECT_THAT([&] { Tokenizer::load(dir_); },
                ThrowsMessage<base::FormatError>((dir_ / file).string() + ": " + message));
  }

  fs::path dir_;
};

const std::string kVocabTxt = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\né\ne\nA\n";

TEST_F(TokenizerFilesTest, EveryKindOfDirectoryIsReadAsTransformersReadsIt) {
  const json fixture = read_json_fixture("directories.json");
  const auto texts = fixture.at("texts").get<std::vector<std::string>>();
  ASSERT_EQ(fixture.at("cases").size(), 210U);
  for (const json& directory : fixture.at("cases")) {
    SCOPED_TRACE(directory.at("name").get<std::string>());
    clear();
    for (const auto& [name, given] : directory.at("files").items()) {
      const json& content = given.is_string() ? fixture.at("shared").at(given.get<std::string>()) : given;
      const std::string text = content.is_string() ? content.get<std::string>() : content.dump();
      write(name, name.ends_with(".model") ? decode_base64(text).value() : text);
    }
    const Tokenizer tokenizer = Tokenizer::load(dir_);
    const json& encodings = directory.at("encodings");
    for (std::size_t i = 0; i < texts.size(); ++i) {
      expect_encoding(tokenizer, texts[i], std::nullopt, kNoLimit, encodings.at(i));
    }
    expect_encoding(tokenizer, texts[0], texts[1], kNoLimit, encodings.at(texts.size()));
  }
}

TEST_F(TokenizerFilesTest, WithoutConfigVocabTxtIsABerts) {
  write("vocab.txt", kVocabTxt);
  EXPECT_THAT(ids_of("AB É [MASK]"), ElementsAre(2, 5, 6, 8, 4, 3));
}

TEST_F(TokenizerFilesTest, LinesMayEndAsOnWindowsAndTheLastOneWithoutAnEnd) {
  write("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\na");
  EXPECT_THAT(ids_of("a"), ElementsAre(1, 3, 2));
}

TEST_F(TokenizerFilesTest, NamedTokensThatABertsVocabularyLacksAreText) {
  write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[\n]\nmask\n");
  EXPECT_EQ(Tokenizer::load(dir_).vocab_size(), 6);
  EXPECT_THAT(ids_of("[MASK]"), ElementsAre(1, 3, 5, 4, 2));
}

TEST_F(TokenizerFilesTest, TokenizerJsonGoesBeforeVocabTxt) {
  write("vocab.txt", kVocabTxt);
  write_json("tokenizer.json",
             {{"model", {{"type", "WordPiece"}, {"unk_token", "?"}, {"vocab", {{"?", 0}, {"x", 1}}}}}});
  EXPECT_THAT(ids_of("x"), ElementsAre(1));
}

TEST_F(TokenizerFilesTest, ClassesWithRulesOfTheirOwnAreRefused) {
  write("vocab.txt", kVocabTxt);
  for (const std::string name : {"BertJapaneseTokenizer", "PhobertTokenizer", "BertweetTokenizerFast"}) {
    write_json("tokenizer_config.json", {{"tokenizer_class", name}});
    EXPECT_THAT([&] { Tokenizer::load(dir_); },
                ThrowsMessage<base::FormatError>(HasSubstr("which cuts text by rules of its own")));
  }
}

TEST_F(TokenizerFilesTest, WithoutTokenizerJsonAnUnknownClassIsAnError) {
  write("vocab.txt", kVocabTxt);
  write_json("tokenizer_config.json", {{"tokenizer_class", "FooTokenizer"}});
  EXPECT_THAT(
      [&] { Tokenizer::load(dir_); },
      ThrowsMessage<base::IoError>(
          dir_.string() + ": expected tokenizer.json, which its tokenizer_class needs, found no such file"));
  write_json("tokenizer_config.json", {{"tokenizer_class", "XLMRobertaTokenizer"}});
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(dir_.string() +
                                           ": expected tokenizer.json or sentencepiece.bpe.model, which its "
                                           "tokenizer_class needs, found no such file"));
}

TEST_F(TokenizerFilesTest, MissingFilesAreNamed) {
  EXPECT_FALSE(has_tokenizer(dir_));
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(
                  dir_.string() + ": expected tokenizer.json, vocab.txt or vocab.json, found none of them"));
}

TEST_F(TokenizerFilesTest, FilesThatCannotBeReadAreNamed) {
  fs::create_directory(dir_ / "vocab.txt");
  EXPECT_TRUE(has_tokenizer(dir_));
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(StartsWith((dir_ / "vocab.txt").string() + ": cannot read")));
}

TEST_F(TokenizerFilesTest, BadVocabTxt) {
  write("vocab.txt", "");
  expect_format_error("vocab.txt", "expected the token [CLS], found none among 0");
  write("vocab.txt", kVocabTxt + "a\n");
  expect_format_error("vocab.txt", "token 10: expected each token once, found 'a', which is token 5");
  write("vocab.txt", kVocabTxt + "\xC3\n");
  expect_format_error("vocab.txt", "token 10: expected UTF-8, found an invalid byte at position 0");
}

TEST_F(TokenizerFilesTest, BadConfig) {
  const std::string file = "tokenizer_config.json";
  write("vocab.txt", kVocabTxt);
  const auto expect = [&](const json& config, const std::string& message) {
    write_json(file, config);
    expect_format_error(file, message);
  };
  write(file, "{\"do_lower_case\": tru}");
  expect_format_error(file, "expected JSON in UTF-8, found a syntax error at byte 21");
  write(file, R"({"do_lower_case": true, "do_lower_case": false})");
  expect_format_error(file, "'do_lower_case': expected each name once, found it twice");
  expect(json::array(), "expected a JSON object, found an array of 0 values");
  expect({{"do_lower_case", "yes"}}, "do_lower_case: expected true or false, found \"yes\"");
  expect({{"strip_accents", 1}}, "strip_accents: expected true or false, found 1");
  expect({{"tokenize_chinese_chars", json::object()}},
         "tokenize_chinese_chars: expected true or false, found an object");
  expect({{"split_special_tokens", true}}, "split_special_tokens: expected false, found true");
  expect({{"tokenizer_class", 1}}, "tokenizer_class: expected a string, found 1");
  expect({{"cls_token", 5}}, "cls_token: expected a string or an object, found 5");
  expect({{"sep_token", {{"content", false}}}}, "sep_token: content: expected a string, found false");
  expect({{"additional_special_tokens", "x"}},
         "additional_special_tokens: expected an array of tokens, found \"x\"");
  expect({{"additional_special_tokens", {1}}},
         "additional_special_tokens: expected a string or an object, found 1");
  expect({{"added_tokens_decoder", {{"x", {{"content", "A"}}}}}},
         "added_tokens_decoder: expected ids as names, found 'x'");
  expect({{"added_tokens_decoder", {{"9", "A"}}}},
         "added_tokens_decoder: 9: expected an object, found \"A\"");
  expect({{"added_tokens_decoder", {{"9", {{"content", ""}}}}}},
         "added_tokens_decoder: 9: content: expected a token, found \"\"");
  write_json(file, json{{"cls_token", "<s>"}});
  EXPECT_THAT(ids_of("a"), ElementsAre(10, 5, 3)) << "a token that a file names is added";
  write_json(file, json::object());
  write_json("added_tokens.json", {{"<x>", "10"}});
  expect_format_error("added_tokens.json", "<x>: expected an integer from 0 to 1073741824, found \"10\"");
}

TEST_F(TokenizerFilesTest, BadVocabJson) {
  write_json("config.json", {{"model_type", "roberta"}});
  write("merges.txt", "#version: 0.2\n");
  write_json("vocab.json", json::array());
  expect_format_error("vocab.json", "expected a JSON object, found an array of 0 values");
  write_json("vocab.json", {{"a", 0}});
  write("merges.txt", "\xFF");
  expect_format_error("merges.txt", "expected UTF-8, found an invalid byte at position 0");
  fs::remove(dir_ / "merges.txt");
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(StartsWith((dir_ / "merges.txt").string())));
}

TEST_F(TokenizerFilesTest, CopiesTheFilesThatAreThereAsTheyAre) {
  const fs::path to = dir_ / "to";
  fs::create_directory(to);
  write("vocab.txt", kVocabTxt);
  write("merges.txt", "x");
  write("tokenizer_config.json", "{ \"do_lower_case\" : true }");
  write("other.txt", "x");
  copy_tokenizer_files(dir_, to);
  EXPECT_EQ(base::read_file(to / "vocab.txt"), kVocabTxt);
  EXPECT_EQ(base::read_file(to / "merges.txt"), "x");
  EXPECT_EQ(base::read_file(to / "tokenizer_config.json"), "{ \"do_lower_case\" : true }");
  EXPECT_FALSE(fs::exists(to / "tokenizer.json"));
  EXPECT_FALSE(fs::exists(to / "other.txt"));
}

TEST_F(TokenizerFilesTest, CopyingIntoNowhereIsAnError) {
  write("vocab.txt", kVocabTxt);
  EXPECT_THAT([&] { copy_tokenizer_files(dir_, dir_ / "missing"); },
              ThrowsMessage<base::IoError>(HasSubstr((dir_ / "missing").string())));
}

}  // namespace
}  // namespace kdqat::text
