#include "kdqat/train/settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

TEST(SettingsFileTest, SectionsAndSettingsKeepTheirOrder) {
  const std::vector<SettingsSection> sections = parse_settings(
      "[task.sst-2]\nb = 1\na = 2\n[teacher]\n[task.a]\nx = 3\n[\"variant\".\"lr=1e-4\"]\ny = 4\n");
  ASSERT_EQ(sections.size(), 4);
  EXPECT_EQ(sections[0].title, "task.sst-2");
  EXPECT_EQ(sections[0].settings[0].name, "b");
  EXPECT_EQ(sections[0].settings[1].name, "a");
  EXPECT_EQ(sections[1].title, "teacher");
  EXPECT_TRUE(sections[1].settings.empty());
  EXPECT_EQ(sections[2].title, "task.a");
  EXPECT_EQ(sections[3].title, "variant.lr=1e-4");
}

TEST(SettingsFileTest, ValuesAreAsTheFileWritesThem) {
  const std::vector<SettingsSection> sections = parse_settings(
      "[s]\n"
      "rate = 1e-4  # a comment\n"
      "list = [\"\u00fc, \u00fc\", 0.30, true,\n  -5]\n"
      "text = \"a \\\"b\\\"\"\n"
      "long = 1_000\n"
      "none = []\n");
  ASSERT_EQ(sections.size(), 1);
  const std::vector<Setting>& settings = sections[0].settings;
  EXPECT_THAT(settings[0].values, ElementsAre("1e-4"));
  EXPECT_THAT(settings[1].values, ElementsAre("\u00fc, \u00fc", "0.30", "true", "-5"));
  EXPECT_THAT(settings[2].values, ElementsAre("a \"b\""));
  EXPECT_THAT(settings[3].values, ElementsAre("1000"));
  EXPECT_TRUE(settings[4].values.empty());
}

TEST(SettingsFileTest, SettingsBeforeTheFirstSectionHaveNoTitle) {
  EXPECT_TRUE(parse_settings("").empty());
  const std::vector<SettingsSection> sections = parse_settings("epochs = 1\n[a]\nb = 2\n");
  ASSERT_EQ(sections.size(), 2);
  EXPECT_EQ(sections[0].title, "");
  EXPECT_EQ(sections[0].settings[0].name, "epochs");
}

TEST(SettingsFileTest, ErrorsNameTheLine) {
  const auto expect = [](const char* text, const char* message) {
    EXPECT_THAT([&] { parse_settings(text); }, ThrowsMessage<base::FormatError>(StartsWith(message))) << text;
  };
  expect("[a]\nx = map\n", "line 2: expected TOML: ");
  expect("[a]\nx = 1\nx = 2\n", "line 3: expected each section and name once: ");
  expect("[a]\n[b]\n[a]\n", "line 3: expected each section and name once: ");
  const char* kinds = "line 2: expected a text, a number, true, false or a list of these, found a ";
  expect("[a]\nx = {y = 1}\n", kinds);
  expect("[a]\nx = [[1]]\n", kinds);
  expect("[a]\nx = 2026-01-02\n", kinds);
  expect("[a]\nx = \"\xff\"\n", "line 2: expected TOML: ");
}

TEST(SettingsFileTest, ErrorsOfAFileNameIt) {
  const test::TemporaryDirectory directory;
  const std::string file = (directory / "run.toml").string();
  EXPECT_THAT([&] { read_settings(file); }, ThrowsMessage<base::IoError>(HasSubstr(file)));
  base::write_file_atomically(file, "[a\n");
  EXPECT_THAT([&] { read_settings(file); },
              ThrowsMessage<base::FormatError>(StartsWith(file + ", line 1: expected TOML: ")));
}

TEST(SettingsFileTest, WhatARunWritesReadsAsItsOptions) {
  const std::string text = settings_text(
      "distill",
      {{"learning_rate", 1e-4},
       {"max_steps", 0},
       {"columns", {{"labels", {"a \"b\"", "c"}}}},
       {"objective",
        {{"recipe", "map"}, {"weights", {{"attention_map", 0.5}}}, {"effective_weights", {{"logit", 1}}}}}});
  const std::vector<SettingsSection> sections = parse_settings(text);
  ASSERT_EQ(sections.size(), 1);
  EXPECT_EQ(sections[0].title, "distill");
  std::vector<std::string> lines;
  for (const Setting& setting : sections[0].settings) {
    std::string line = setting.name;
    for (const std::string& value : setting.values) line += " " + value;
    lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("labels a \"b\" c", "learning-rate 0.0001", "objective map",
                                 "attention-map-weight 0.5"));
}

}  // namespace
}  // namespace kdqat::train
