#include "kdqat/base/error.h"
#include "kdqat/data/custom_task.h"
#include "kdqat/data/example_reader.h"
#include "tests/data/data_files.h"

namespace kdqat::data {
namespace {

using ::testing::ThrowsMessage;

/// Tasks to read the files below with: a known one, or own data by the name in brackets.
Task task_of(std::string_view name) {
  if (name == "[classes]") return make_custom_task({.labels = {"bad", "good"}});
  if (name == "[scores]") return make_custom_task({.label_column = "score", .regression = true});
  return find_task(name);
}

struct BadFile {
  const char* property;
  const char* task;
  const char* name;
  std::string content;
  const char* message;
};

void PrintTo(const BadFile& file, std::ostream* out) { *out << file.property; }

const BadFile kBadFiles[] = {
    {"AnEmptyFile", "sst-2", "dev.tsv", "", "dev.tsv: expected at least one example, found none"},
    {"AHeaderAlone", "[classes]", "dev.csv", "text,label\n",
     "dev.csv: expected at least one example, found none"},
    {"BlankLinesAlone", "[classes]", "dev.jsonl", "\n \n",
     "dev.jsonl: expected at least one example, found none"},
    {"SkippedRowsAlone", "nsmc", "ratings_test.txt", "id\tdocument\tlabel\n1\t\t1\n",
     "ratings_test.txt: expected at least one example, found none but skipped rows"},

    {"TooFewColumns", "rte", "train.tsv",
     "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n1\tc\tentailment\n",
     "train.tsv, line 3: expected at least 4 columns, found 3"},
    {"TooFewColumnsWithoutAHeader", "cola", "train.tsv", "s\t1\t\tfine\ns\t1\n",
     "train.tsv, line 2: expected at least 4 columns, found 2"},
    {"TooFewColumnsForTheLastOne", "mnli", "dev_matched.tsv",
     "0\t1\t2\t3\t4\t5\t6\t7\ta\tb\tx\ty\n0\t1\t2\t3\t4\t5\t6\t7\ta\tb\tneutral\n",
     "dev_matched.tsv, line 2: expected at least 12 columns, found 11"},
    {"AHeaderOfAnotherTask", "qqp", "train.tsv", "sentence\tlabel\nfine\t1\n",
     "train.tsv, line 1: expected at least 6 columns, found 2"},
    {"NoHeader", "sst-2", "train.tsv", "fine\t1\nawful\t0\n",
     "train.tsv, line 1: expected a header, found an example labelled '1'"},
    {"ATabInAText", "[classes]", "train.tsv", "text\tlabel\none\ttwo\tgood\n",
     "train.tsv, line 2: expected 2 columns as in the header, found 3"},
    {"ACommaInAText", "[classes]", "train.csv", "text,label\n\"a\nb\",good\none, two,good\n",
     "train.csv, line 4: expected 2 columns as in the header, found 3"},
    {"AShortRowOfNamedColumns", "[classes]", "train.csv", "text,label,id\nfine,good\n",
     "train.csv, line 2: expected 3 columns as in the header, found 2"},
    {"AColumnThatTheHeaderLacks", "[classes]", "train.tsv", "sentence\tlabel\nfine\tgood\n",
     "train.tsv, line 1: expected one column 'text', found the columns 'sentence', 'label'"},
    {"AColumnThatIsThereTwice", "[scores]", "train.csv", "text,score,score\nfine,1,2\n",
     "train.csv, line 1: expected one column 'score', found 2 in the columns 'text', 'score', 'score'"},

    {"AnUnknownLabel", "sst-2", "dev.tsv", "sentence\tlabel\nfine\t1\nfine\tpositive\n",
     "dev.tsv, line 3: expected one of the labels '0', '1', found 'positive'"},
    {"AnEmptyLabel", "[classes]", "dev.csv", "text,label\nfine,\n",
     "dev.csv, line 2: expected one of the labels 'bad', 'good', found ''"},
    {"AnUnknownJsonLabel", "[classes]", "dev.jsonl", "{\"text\": \"a\", \"label\": 1}",
     "dev.jsonl, line 1: expected one of the labels 'bad', 'good', found '1'"},
    {"AScoreThatIsNoNumber", "[scores]", "dev.csv", "text,score\nfine,1.5x\n",
     "dev.csv, line 2: expected a finite number as score, found '1.5x'"},
    {"AScoreThatIsNan", "sts-b", "dev.tsv", "0\t1\t2\t3\t4\t5\t6\t7\t8\t9\n0\t1\t2\t3\t4\t5\t6\ta\tb\tnan\n",
     "dev.tsv, line 2: expected a finite number as score, found 'nan'"},
    {"AScoreThatIsInfinite", "[scores]", "dev.tsv", "text\tscore\nfine\t-inf\n",
     "dev.tsv, line 2: expected a finite number as score, found '-inf'"},
    {"AScoreThatIsTooLarge", "[scores]", "dev.tsv", "text\tscore\nfine\t1e999\n",
     "dev.tsv, line 2: expected a finite number as score, found '1e999'"},
    {"AScoreThatIsEmpty", "[scores]", "dev.tsv", "text\tscore\nfine\t\n",
     "dev.tsv, line 2: expected a finite number as score, found ''"},
    {"AScoreThatIsTrue", "[scores]", "dev.jsonl", "{\"text\": \"a\", \"score\": true}",
     "dev.jsonl, line 1: expected a finite number as score, found 'true'"},

    {"AnEmptyText", "sst-2", "dev.tsv", "sentence\tlabel\n\t1\n",
     "dev.tsv, line 2: expected a text in column 0 (counted from 0), found an empty one"},
    {"ATextOfSpaces", "[classes]", "dev.csv", "text,label\n\" \n\",good\n",
     "dev.csv, line 2: expected a text in column 'text', found an empty one"},
    {"AnEmptySecondText", "rte", "dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\t\tentailment\n",
     "dev.tsv, line 2: expected a text in column 2 (counted from 0), found an empty one"},

    {"InvalidUtf8", "[classes]", "dev.tsv", "text\tlabel\nfine\tgood\ncaf\xE9 au lait\tgood\n",
     "dev.tsv, line 3: expected UTF-8, found byte 233 at byte 3 of the line"},
    {"InvalidUtf8InTheFirstLine", "[classes]", "dev.csv", "te\xFFxt,label\n",
     "dev.csv, line 1: expected UTF-8, found byte 255 at byte 2 of the line"},
    {"Utf16", "[classes]", "dev.jsonl", std::string("\xFF\xFE{\0", 4),
     "dev.jsonl, line 1: expected UTF-8, found byte 255 at byte 0 of the line"},

    {"AnUnclosedQuote", "[classes]", "dev.csv", "text,label\nfine,good\n\"never\n\"\"closed\"\",bad\n",
     "dev.csv, line 3: expected a closing quote, found the end of the file"},
    {"AQuoteWithinAField", "[classes]", "dev.csv", "text,label\na 5\" disk,good\n",
     "dev.csv, line 2: expected quotes around the whole field that holds one, found 'a 5\\\"'"},
    {"TextAfterAClosingQuote", "[classes]", "dev.csv", "text,label\n\"a\nb\" c,good\n",
     "dev.csv, line 3: expected a comma or the end of the line after a closing quote, found ' '"},

    {"BrokenJson", "[classes]", "dev.jsonl", "{\"text\": \"a\", \"label\": \"bad\"}\n{\"text\": \"a\n",
     "dev.jsonl, line 2: expected JSON in UTF-8, found a syntax error at byte 11"},
    {"JsonThatIsNoObject", "[classes]", "dev.jsonl", "[\"a\", \"bad\"]\n",
     "dev.jsonl, line 1: expected a JSON object, found an array of 2 values"},
    {"AMissingJsonField", "[classes]", "dev.jsonl", "{\"sentence\": \"a\", \"label\": \"bad\"}\n",
     "dev.jsonl, line 1: expected a field 'text', found 'label', 'sentence'"},
    {"AnEmptyJsonObject", "[classes]", "dev.jsonl", "{}\n",
     "dev.jsonl, line 1: expected a field 'text', found none"},
    {"AJsonTextThatIsNoString", "[classes]", "dev.jsonl", "{\"text\": 3, \"label\": \"bad\"}\n",
     "dev.jsonl, line 1: text: expected a string, found 3"},
    {"AJsonLabelThatIsNull", "[classes]", "dev.jsonl", "{\"text\": \"a\", \"label\": null}\n",
     "dev.jsonl, line 1: label: expected a string, a number or a boolean, found null"},
};

class BadFileTest : public test::DataFilesTest, public ::testing::WithParamInterface<BadFile> {};

TEST_P(BadFileTest, IsRefusedWithItsPlaceWhatWasExpectedAndWhatWasFound) {
  const auto file = write(GetParam().name, GetParam().content);
  EXPECT_THAT([&] { read_examples(task_of(GetParam().task), file); },
              ThrowsMessage<base::FormatError>(in_directory(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(All, BadFileTest, ::testing::ValuesIn(kBadFiles),
                         [](const auto& test) { return test.param.property; });

class BadFileNameTest : public test::DataFilesTest {};

TEST_F(BadFileNameTest, AnUnknownEndingIsRefused) {
  EXPECT_THAT([&] { read_examples(task_of("[classes]"), write("train.xlsx", "")); },
              ThrowsMessage<base::InvalidArgument>(in_directory(
                  "train.xlsx: expected a name that ends in .tsv, .txt, .csv or .jsonl, found '.xlsx'")));
}

TEST_F(BadFileNameTest, ATaskWhoseColumnsHaveNoNamesCannotReadJsonLines) {
  EXPECT_THAT([&] { read_examples(find_task("rte"), write("train.jsonl", "{}")); },
              ThrowsMessage<base::InvalidArgument>(
                  in_directory("train.jsonl: expected a TSV or CSV file for task rte, found JSON lines")));
}

TEST_F(BadFileNameTest, TheLastColumnNeedsAHeader) {
  Task task = find_task("mnli");
  task.has_header = false;
  EXPECT_THAT(
      [&] { read_examples(task, write("train.tsv", "a\tb\n")); },
      ThrowsMessage<base::InvalidArgument>(in_directory(
          "train.tsv: expected a header where the label is the last column, found a task without headers")));
}

}  // namespace
}  // namespace kdqat::data
