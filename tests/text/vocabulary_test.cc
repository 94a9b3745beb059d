#include "kdqat/text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/text/tokenizer.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kNoLimit = 1'000'000'000;

/// A model directory of its own for each test.
class VocabularyTest : public ::testing::Test {
 protected:
  VocabularyTest() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fs::path(::testing::TempDir()) / "kdqat-vocabulary" / info->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  ~VocabularyTest() override { fs::remove_all(dir_); }

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

/// The same tokenizer as kVocabTxt, as Hugging Face's tokenizers writes it.
json tokenizer_json() {
  const auto special = [](const char* name, int type) {
    return json{{"SpecialToken", {{"id", name}, {"type_id", type}}}};
  };
  const auto sequence = [](const char* name, int type) {
    return json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const auto added = [](int id, const char* content) {
    return json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"added_tokens",
       {added(0, "[PAD]"), added(1, "[UNK]"), added(2, "[CLS]"), added(3, "[SEP]"), added(4, "[MASK]")}},
      {"normalizer",
       {{"type", "BertNormalizer"},
        {"clean_text", true},
        {"handle_chinese_chars", true},
        {"strip_accents", nullptr},
        {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)}},
        {"pair",
         {special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1),
          special("[SEP]", 1)}}}},
      {"model",
       {{"type", "WordPiece"},
        {"unk_token", "[UNK]"},
        {"continuing_subword_prefix", "##"},
        {"max_input_chars_per_word", 100},
        {"vocab",
         {{"[PAD]", 0},
          {"[UNK]", 1},
          {"[CLS]", 2},
          {"[SEP]", 3},
          {"[MASK]", 4},
          {"a", 5},
          {"##b", 6},
          {"é", 7},
          {"e", 8},
          {"A", 9}}}}},
  };
}

TEST_F(VocabularyTest, MiniLmsTokenizerJsonEqualsItsVocabTxt) {
  const std::vector<std::string> tokens = minilm_vocabulary();
  json tokenizer = tokenizer_json();
  tokenizer["model"]["vocab"] = json::object();
  tokenizer["added_tokens"] = json::array();
  std::string vocab_txt;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    tokenizer["model"]["vocab"][tokens[id]] = id;
    vocab_txt += tokens[id] + "\n";
  }
  write_json("tokenizer.json", tokenizer);
  const Tokenizer from_json = Tokenizer::load(dir_);
  write("vocab.txt", vocab_txt);
  const Tokenizer from_txt = Tokenizer::load(dir_);

  ASSERT_EQ(from_json.vocab_size(), from_txt.vocab_size());
  for (std::int64_t id = 0; id < from_txt.vocab_size(); ++id) {
    ASSERT_EQ(from_json.token(id), from_txt.token(id));
  }
  const json fixture = read_json_fixture("minilm-texts.json");
  ASSERT_EQ(fixture.at("single").size(), 191U);
  for (const auto& example : fixture.at("single")) {
    const auto text = example.at("text").get<std::string>();
    EXPECT_EQ(from_json.encode(text, std::nullopt, kNoLimit).input_ids, example.at("input_ids").get<Ids>());
    EXPECT_EQ(from_txt.encode(text, std::nullopt, kNoLimit).input_ids, example.at("input_ids").get<Ids>());
  }
}

TEST_F(VocabularyTest, WithoutConfigEverythingIsAsInBert) {
  write("vocab.txt", kVocabTxt);
  EXPECT_THAT(ids_of("AB É [MASK]"), ElementsAre(2, 5, 6, 8, 4, 3));
}

TEST_F(VocabularyTest, LinesMayEndAsOnWindowsAndTheLastOneWithoutAnEnd) {
  write("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\na");
  EXPECT_THAT(ids_of("a"), ElementsAre(1, 3, 2));
}

TEST_F(VocabularyTest, ConfigSetsTheNormalizer) {
  write("vocab.txt", kVocabTxt);
  write_json("tokenizer_config.json", json{{"do_lower_case", false}});
  EXPECT_THAT(ids_of("A É é"), ElementsAre(2, 9, 1, 7, 3));
  write_json("tokenizer_config.json", json{{"do_lower_case", true}, {"strip_accents", false}});
  EXPECT_THAT(ids_of("A É"), ElementsAre(2, 5, 7, 3));
  write_json("tokenizer_config.json", json{{"strip_accents", nullptr}, {"tokenize_chinese_chars", false}});
  EXPECT_THAT(ids_of("É a中 "), ElementsAre(2, 8, 1, 3));
}

TEST_F(VocabularyTest, ConfigNamesTheSpecialTokensAsStringsOrObjects) {
  write("vocab.txt", "<unk>\n<s>\n</s>\n<m>\na\n[SEP]\n");
  write_json("tokenizer_config.json", json{{"unk_token", "<unk>"},
                                           {"cls_token", {{"content", "<s>"}, {"lstrip", false}}},
                                           {"sep_token", "</s>"},
                                           {"pad_token", nullptr},
                                           {"mask_token", "<m>"}});
  EXPECT_THAT(ids_of("a</s>b<m>"), ElementsAre(1, 4, 2, 0, 3, 2));
  EXPECT_THAT(ids_of("[SEP]"), ElementsAre(1, 0, 0, 0, 2)) << "no longer special";
}

TEST_F(VocabularyTest, ConfigGoesBeforeTokenizerJson) {
  json tokenizer = tokenizer_json();
  tokenizer["normalizer"]["lowercase"] = false;
  write_json("tokenizer.json", tokenizer);
  EXPECT_THAT(ids_of("A"), ElementsAre(2, 9, 3));
  write_json("tokenizer_config.json", json{{"do_lower_case", true}});
  EXPECT_THAT(ids_of("A"), ElementsAre(2, 5, 3));
}

TEST_F(VocabularyTest, TokenizerJsonSetsTheNormalizer) {
  json tokenizer = tokenizer_json();
  tokenizer["normalizer"]["strip_accents"] = false;
  tokenizer["normalizer"]["handle_chinese_chars"] = false;
  write_json("tokenizer.json", tokenizer);
  EXPECT_THAT(ids_of("É a中"), ElementsAre(2, 7, 1, 3));
}

TEST_F(VocabularyTest, TokenizerJsonMayLeaveOutWhatIsOptional) {
  json tokenizer = tokenizer_json();
  tokenizer.erase("added_tokens");
  tokenizer.erase("post_processor");
  tokenizer["model"].erase("unk_token");
  tokenizer["model"].erase("continuing_subword_prefix");
  tokenizer["model"].erase("max_input_chars_per_word");
  tokenizer["normalizer"] = {{"type", "BertNormalizer"}};
  write_json("tokenizer.json", tokenizer);
  EXPECT_THAT(ids_of("AB É [MASK]"), ElementsAre(2, 5, 6, 8, 4, 3));
  tokenizer["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  write_json("tokenizer.json", tokenizer);
  EXPECT_THAT(ids_of("a"), ElementsAre(2, 5, 3));
}

TEST_F(VocabularyTest, AddedTokensAreFoundInRawTextOnly) {
  json tokenizer = tokenizer_json();
  tokenizer["added_tokens"].push_back({{"id", 10}, {"content", "Bb"}});
  write_json("tokenizer.json", tokenizer);
  EXPECT_EQ(Tokenizer::load(dir_).vocab_size(), 11);
  EXPECT_THAT(ids_of("aBb"), ElementsAre(2, 5, 10, 3));
  // WordPiece does not know it: "bb" after normalization is no token.
  tokenizer["added_tokens"].back()["content"] = "bb";
  write_json("tokenizer.json", tokenizer);
  EXPECT_THAT(ids_of("bb BB"), ElementsAre(2, 10, 1, 3));
}

TEST_F(VocabularyTest, ConfigAddsTokensInTheOrderOfTheirIds) {
  write("vocab.txt", kVocabTxt);
  json decoder = {{"9", {{"content", "A"}}}};
  for (const int id : {10, 11}) decoder[std::to_string(id)] = {{"content", "<" + std::to_string(id) + ">"}};
  write_json("tokenizer_config.json", json{{"added_tokens_decoder", decoder}});
  EXPECT_THAT(ids_of("aA<10><11>"), ElementsAre(2, 5, 9, 10, 11, 3));
}

TEST_F(VocabularyTest, AdditionalSpecialTokensAreOfTheVocabulary) {
  write("vocab.txt", kVocabTxt);
  write_json("tokenizer_config.json", json{{"additional_special_tokens", {"é", {{"content", "A"}}}}});
  EXPECT_THAT(ids_of("aAé"), ElementsAre(2, 5, 9, 7, 3));
  write_json("tokenizer_config.json", json{{"additional_special_tokens", {"<e>"}}});
  expect_format_error("vocab.txt", "expected the token <e>, found none among 10");
}

TEST_F(VocabularyTest, MissingFilesAreNamed) {
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(dir_.string() +
                                           ": expected vocab.txt or tokenizer.json, found neither of them"));
}

TEST_F(VocabularyTest, FilesThatCannotBeReadAreNamed) {
  fs::create_directory(dir_ / "vocab.txt");
  EXPECT_THAT([&] { Tokenizer::load(dir_); },
              ThrowsMessage<base::IoError>(StartsWith((dir_ / "vocab.txt").string() + ": cannot read")));
}

TEST_F(VocabularyTest, BadVocabTxt) {
  write("vocab.txt", "");
  expect_format_error("vocab.txt", "expected the token [UNK], found none among 0");
  write("vocab.txt", kVocabTxt + "a\n");
  expect_format_error("vocab.txt", "token 10: expected each token once, found 'a', which is token 5");
  write("vocab.txt", kVocabTxt + "\xC3\n");
  expect_format_error("vocab.txt", "token 10: expected UTF-8, found an invalid byte at position 0");
}

TEST_F(VocabularyTest, BadConfig) {
  const std::string file = "tokenizer_config.json";
  write("vocab.txt", kVocabTxt);
  write(file, "{\"do_lower_case\": tru}");
  expect_format_error(file, "expected JSON in UTF-8, found a syntax error at byte 21");
  write_json(file, json::array());
  expect_format_error(file, "expected a JSON object, found an array");
  write_json(file, json{{"do_lower_case", "yes"}});
  expect_format_error(file, "do_lower_case: expected true or false, found \"yes\"");
  write_json(file, json{{"strip_accents", 1}});
  expect_format_error(file, "strip_accents: expected true or false, found 1");
  write_json(file, json{{"tokenize_chinese_chars", json::object()}});
  expect_format_error(file, "tokenize_chinese_chars: expected true or false, found an object");
  write_json(file, json{{"cls_token", 5}});
  expect_format_error(file, "cls_token: expected a string, found 5");
  write_json(file, json{{"sep_token", {{"content", false}}}});
  expect_format_error(file, "sep_token: content: expected a string, found false");
  write_json(file, json{{"unk_token", "<unk>"}});
  expect_format_error("vocab.txt", "expected the token <unk>, found none among 10");
  write_json(file, json{{"additional_special_tokens", "x"}});
  expect_format_error(file, "additional_special_tokens: expected an array, found \"x\"");
  write_json(file, json{{"additional_special_tokens", {1}}});
  expect_format_error(file, "additional_special_tokens: token: expected a string, found 1");
  write_json(file, json{{"added_tokens_decoder", {{"x", {{"content", "A"}}}}}});
  expect_format_error(file, "added_tokens_decoder: expected ids as names, found 'x'");
  write_json(file, json{{"added_tokens_decoder", {{"9", {{"content", "B"}}}}}});
  expect_format_error(file,
                      "added_tokens_decoder: 9: content: expected 'A', which has the id 9, found \"B\"");
}

TEST_F(VocabularyTest, BadTokenizerJson) {
  const std::string file = "tokenizer.json";
  const auto expect = [&](const char* pointer, const json& value, const std::string& message) {
    json tokenizer = tokenizer_json();
    tokenizer[json::json_pointer(pointer)] = value;
    write_json(file, tokenizer);
    expect_format_error(file, message);
  };
  expect("/model", nullptr, "model: expected an object, found null");
  expect("/model/type", "BPE", "model: type: expected \"WordPiece\", found \"BPE\"");
  expect("/model/continuing_subword_prefix", "@@",
         "model: continuing_subword_prefix: expected \"##\", found \"@@\"");
  expect("/model/max_input_chars_per_word", 50, "model: max_input_chars_per_word: expected 100, found 50");
  expect("/model/unk_token", "<unk>", "expected the token <unk>, found none among 10");
  expect("/model/vocab", json::array(),
         "model: vocab: expected an object of tokens and their ids, found an array");
  expect("/model/vocab/a", "5",
         "model: vocab: a: expected an id from 0 to 9 that no other token has, found \"5\"");
  expect("/model/vocab/a", -1,
         "model: vocab: a: expected an id from 0 to 9 that no other token has, found -1");
  expect("/model/vocab/a", 10,
         "model: vocab: a: expected an id from 0 to 9 that no other token has, found 10");
  expect("/model/vocab/a", 6, "model: vocab: a: expected an id from 0 to 9 that no other token has, found 6");
  expect("/normalizer", nullptr, "normalizer: expected an object, found null");
  expect("/normalizer/type", "Lowercase",
         "normalizer: type: expected \"BertNormalizer\", found \"Lowercase\"");
  expect("/normalizer/clean_text", false, "normalizer: clean_text: expected true, found false");
  expect("/normalizer/lowercase", "no", "normalizer: lowercase: expected true or false, found \"no\"");
  expect("/pre_tokenizer/type", "Whitespace",
         "pre_tokenizer: type: expected \"BertPreTokenizer\", found \"Whitespace\"");
  expect("/post_processor/type", "RobertaProcessing",
         "post_processor: type: expected \"TemplateProcessing\", found \"RobertaProcessing\"");
  expect("/added_tokens", 1, "added_tokens: expected an array, found 1");
  expect("/added_tokens/0", 1, "added_tokens[0]: expected a JSON object, found 1");
  expect("/added_tokens/0/id", nullptr, "added_tokens[0]: id: expected an id, found null");
  expect("/added_tokens/4/id", 11,
         "added_tokens[4]: expected an id up to 10, the next of the vocabulary, found 11");
  expect("/added_tokens/4/content", "x",
         "added_tokens[4]: content: expected '[MASK]', which has the id 4, found \"x\"");
  expect("/added_tokens/4/content", "", "added_tokens[4]: content: expected a token, found \"\"");
  expect("/added_tokens/4/lstrip", true, "added_tokens[4]: lstrip: expected false, found true");
  expect("/added_tokens/4/rstrip", true, "added_tokens[4]: rstrip: expected false, found true");
  expect("/added_tokens/4/single_word", true, "added_tokens[4]: single_word: expected false, found true");
  expect("/added_tokens/4/normalized", true, "added_tokens[4]: normalized: expected false, found true");
}

TEST_F(VocabularyTest, RefusesAnotherTemplateForTextsAndPairs) {
  for (const std::string field : {"single", "pair"}) {
    json tokenizer = tokenizer_json();
    tokenizer["post_processor"][field][1]["Sequence"]["type_id"] = 7;
    write_json("tokenizer.json", tokenizer);
    EXPECT_THAT(
        [&] { Tokenizer::load(dir_); },
        ThrowsMessage<base::FormatError>(AllOf(
            StartsWith((dir_ / "tokenizer.json").string() + ": post_processor: " + field + ": expected ["),
            HasSubstr("[CLS]"))));
  }
}

TEST_F(VocabularyTest, CopiesTheFilesThatAreThereAsTheyAre) {
  const fs::path to = dir_ / "to";
  fs::create_directory(to);
  write("vocab.txt", kVocabTxt);
  write("tokenizer_config.json", "{ \"do_lower_case\" : true }");
  write("other.txt", "x");
  copy_tokenizer_files(dir_, to);
  EXPECT_EQ(base::read_file(to / "vocab.txt"), kVocabTxt);
  EXPECT_EQ(base::read_file(to / "tokenizer_config.json"), "{ \"do_lower_case\" : true }");
  EXPECT_FALSE(fs::exists(to / "tokenizer.json"));
  EXPECT_FALSE(fs::exists(to / "other.txt"));
}

TEST_F(VocabularyTest, CopyingIntoNowhereIsAnError) {
  write("vocab.txt", kVocabTxt);
  EXPECT_THAT([&] { copy_tokenizer_files(dir_, dir_ / "missing"); },
              ThrowsMessage<base::IoError>(HasSubstr((dir_ / "missing").string())));
}

}  // namespace
}  // namespace kdqat::text
