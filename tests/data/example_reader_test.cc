#include "kdqat/data/example_reader.h"

#include "kdqat/base/error.h"
#include "kdqat/data/custom_task.h"
#include "tests/data/data_files.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

struct DistributedFile {
  const char* task;
  const char* split;
  const char* name;
  const char* content;
  std::vector<std::string> examples;
};

void PrintTo(const DistributedFile& file, std::ostream* out) { *out << file.task << " " << file.split; }

const DistributedFile kDistributedFiles[] = {
    {.task = "cola",
     .split = "train",
     .name = "train.tsv",
     .content = "ab12\t1\t\tThe cat sat.\nab12\t0\t*\tCat the sat.\n",
     .examples = {"The cat sat. | 1", "Cat the sat. | 0"}},
    {.task = "sst-2",
     .split = "train",
     .name = "train.tsv",
     .content = "sentence\tlabel\na dull \"film \t0\na joy \t1\n",
     .examples = {"a dull \"film  | 0", "a joy  | 1"}},
    {.task = "mrpc",
     .split = "dev",
     .name = "dev.tsv",
     .content = "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
                "1\t10\t11\tIt rose.\tIt went up.\n0\t12\t13\tIt fell.\t\"Quoted\n",
     .examples = {"It rose. | It went up. | 1", "It fell. | \"Quoted | 0"}},
    {.task = "sts-b",
     .split = "train",
     .name = "train.tsv",
     .content = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
                "0\tnews\tf\t2012\t1\tnone\tnone\tA man runs.\tA man walks.\t3.250\n"
                "1\tnews\tf\t2012\t2\tnone\tnone\tA dog.\tA dog.\t5\n",
     .examples = {"A man runs. | A man walks. | 3.25", "A dog. | A dog. | 5"}},
    {.task = "qqp",
     .split = "train",
     .name = "train.tsv",
     .content = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
                "0\t1\t2\tWhat is it?\tWhat's it?\t1\n1\t3\t4\tWho?\tWhere?\t0\n",
     .examples = {"What is it? | What's it? | 1", "Who? | Where? | 0"}},
    {.task = "mnli",
     .split = "train",
     .name = "train.tsv",
     .content =
         "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
         "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
         "0\t1\t1e\tfiction\t( )\t( )\t(ROOT)\t(ROOT)\tIt rains.\tIt is wet.\tneutral\tentailment\n",
     .examples = {"It rains. | It is wet. | 1"}},
    {.task = "mnli",
     .split = "dev",
     .name = "dev_matched.tsv",
     .content =
         "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
         "sentence2_parse\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n"
         "0\t1\t1n\tslate\t( )\t( )\t(ROOT)\t(ROOT)\tA.\tB.\tneutral\tneutral\tneutral\tneutral\tneutral\t"
         "contradiction\n",
     .examples = {"A. | B. | 0"}},
    {.task = "mnli",
     .split = "dev_mismatched",
     .name = "dev_mismatched.tsv",
     .content =
         "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
         "sentence2_parse\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label\n"
         "0\t1\t1n\tletters\t( )\t( )\t(ROOT)\t(ROOT)\tA.\tB.\tneutral\tneutral\tneutral\tneutral\tneutral\t"
         "neutral\n",
     .examples = {"A. | B. | 2"}},
    {.task = "qnli",
     .split = "dev",
     .name = "dev.tsv",
     .content = "index\tquestion\tsentence\tlabel\n0\tWhen?\tIn May.\tentailment\n1\tWho?\tIn "
                "May.\tnot_entailment\n",
     .examples = {"When? | In May. | 0", "Who? | In May. | 1"}},
    {.task = "rte",
     .split = "dev",
     .name = "dev.tsv",
     .content = "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n1\tC.\tC.\tentailment\n",
     .examples = {"A. | B. | 1", "C. | C. | 0"}},
    {.task = "wnli",
     .split = "train",
     .name = "train.tsv",
     .content =
         "index\tsentence1\tsentence2\tlabel\n0\tIt fell.\tThe cup fell.\t1\n1\tIt fell.\tHe fell.\t0\n",
     .examples = {"It fell. | The cup fell. | 1", "It fell. | He fell. | 0"}},
    {.task = "nsmc",
     .split = "train",
     .name = "ratings_train.txt",
     .content = "id\tdocument\tlabel\n9976970\t재미있다\t1\n3819312\t지루해요..\t0\n",
     .examples = {"재미있다 | 1", "지루해요.. | 0"}},
    {.task = "nsmc",
     .split = "dev",
     .name = "ratings_test.txt",
     .content = "id\tdocument\tlabel\n1\t굳\t1\n",
     .examples = {"굳 | 1"}},
};

class DistributedFileTest : public test::DataFilesTest,
                            public ::testing::WithParamInterface<DistributedFile> {};

TEST_P(DistributedFileTest, IsFoundAndRead) {
  const Task task = find_task(GetParam().task);
  write(GetParam().name, GetParam().content);

  const Examples read = read_examples(task, split_file(task, directory_.path(), GetParam().split));

  EXPECT_EQ(test::shown(read.examples), GetParam().examples);
  EXPECT_THAT(read.warnings, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(AllTasks, DistributedFileTest, ::testing::ValuesIn(kDistributedFiles));

class ExampleReaderTest : public test::DataFilesTest {
 protected:
  const Task one_text_ = make_custom_task({.labels = {"bad", "good"}});
  const Task two_texts_ = make_custom_task({.text_column = "a", .pair_column = "b", .labels = {"no", "yes"}});
  const Task regression_ = make_custom_task({.label_column = "score", .regression = true});
};

TEST_F(ExampleReaderTest, ShortRowsOfQqpAreSkippedAndCounted) {
  const auto file =
      write("train.tsv",
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
            "0\t1\t2\tA?\tB?\t1\n1\t3\t4\tBroken\nrest\tC?\t0\n2\t5\t6\tD?\t\t0\n3\t7\t8\tE?\tF?\t0\n");

  const Examples read = read_examples(find_task("qqp"), file);

  EXPECT_THAT(test::shown(read.examples), ElementsAre("A? | B? | 1", "E? | F? | 0"));
  EXPECT_THAT(read.warnings,
              ElementsAre(in_directory("train.tsv: skipped 2 rows with too few columns, the first in line 3"),
                          in_directory("train.tsv: skipped 1 row with an empty text, the first in line 5")));
}

TEST_F(ExampleReaderTest, EmptyTextsOfNsmcAreSkippedAndCounted) {
  const auto file = write("ratings_test.txt", "id\tdocument\tlabel\n1\t\t1\n2\t좋다\t1\n3\t \t0\n");

  const Examples read = read_examples(find_task("nsmc"), file);

  EXPECT_THAT(test::shown(read.examples), ElementsAre("좋다 | 1"));
  EXPECT_THAT(
      read.warnings,
      ElementsAre(in_directory("ratings_test.txt: skipped 2 rows with an empty text, the first in line 2")));
}

TEST_F(ExampleReaderTest, MoreColumnsThanATaskReadsAreNoError) {
  const auto file = write("dev.tsv", "sentence\tlabel\tsource\nfine\t1\tweb\n");
  EXPECT_THAT(test::shown(read_examples(find_task("sst-2"), file).examples), ElementsAre("fine | 1"));
}

TEST_F(ExampleReaderTest, NamedColumnsMayStandInAnyOrder) {
  const auto tsv = write("train.tsv", "label\tid\tb\ta\nyes\t7\tsecond\tfirst\n");
  const auto csv = write("train.csv", "b,label,a\nsecond,yes,first\n");
  const auto jsonl = write("train.jsonl", R"({"label": "yes", "b": "second", "more": [1], "a": "first"})");

  for (const auto& file : {tsv, csv, jsonl}) {
    EXPECT_THAT(test::shown(read_examples(two_texts_, file).examples), ElementsAre("first | second | 1"))
        << file;
  }
}

TEST_F(ExampleReaderTest, ByteOrderMarkCrlfBlankLinesAndAMissingLastLineEndAreAccepted) {
  const auto tsv = write("t.tsv", "\xEF\xBB\xBFtext\tlabel\r\nfine\tgood\r\n\r\n\nawful\tbad\r");
  const auto csv = write("t.csv", "\xEF\xBB\xBF\"text\",label\r\nfine,good\r\n\r\n\n\"awful\",bad\r");
  const auto jsonl = write("t.jsonl",
                           "\xEF\xBB\xBF{\"text\": \"fine\", \"label\": \"good\"}\r\n \t\r\n\n"
                           "{\"text\": \"awful\", \"label\": \"bad\"}\r");

  for (const auto& file : {tsv, csv, jsonl}) {
    EXPECT_THAT(test::shown(read_examples(one_text_, file).examples), ElementsAre("fine | 1", "awful | 0"))
        << file;
  }
}

TEST_F(ExampleReaderTest, TsvKnowsNoQuotes) {
  const auto file = write("t.tsv", "text\tlabel\n\"open\tgood\n\"a\"\"b\"\tbad\n");
  EXPECT_THAT(test::shown(read_examples(one_text_, file).examples),
              ElementsAre("\"open | 1", "\"a\"\"b\" | 0"));
}

TEST_F(ExampleReaderTest, CsvFieldsInQuotesHoldCommasQuotesAndLineEnds) {
  const auto file =
      write("t.csv", "text,label\n\"one, \"\"two\"\"\r\nthree\nfour\",good\n\"\"\"\",\"bad\"\n");
  EXPECT_THAT(test::shown(read_examples(one_text_, file).examples),
              ElementsAre("one, \"two\"\r\nthree\nfour | 1", "\" | 0"));
}

TEST_F(ExampleReaderTest, JsonLabelsAreStringsNumbersOrBooleans) {
  const auto numbers =
      write("numbers.jsonl", "{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\", \"label\": \"10\"}\n");
  const auto booleans =
      write("booleans.jsonl", "{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}\n");
  const auto scores =
      write("scores.jsonl", "{\"text\": \"a\", \"score\": -0.1}\n{\"text\": \"b\", \"score\": \"3\"}\n");

  EXPECT_THAT(test::shown(read_examples(make_custom_task({.labels = {"0", "10"}}), numbers).examples),
              ElementsAre("a | 0", "b | 1"));
  EXPECT_THAT(test::shown(read_examples(make_custom_task({.labels = {"false", "true"}}), booleans).examples),
              ElementsAre("a | 1", "b | 0"));
  EXPECT_THAT(test::shown(read_examples(regression_, scores).examples), ElementsAre("a | -0.1", "b | 3"));
}

TEST_F(ExampleReaderTest, ScoresKeepEveryDigit) {
  const auto file = write("t.tsv", "text\tscore\na\t0.1\nb\t-1e-3\nc\t4\n");
  const Examples read = read_examples(regression_, file);
  EXPECT_EQ(read.examples[0].label, 0.1);
  EXPECT_EQ(read.examples[1].label, -1e-3);
  EXPECT_EQ(read.examples[2].label, 4.0);
}

TEST_F(ExampleReaderTest, AClassMayBeNamedAsItsColumn) {
  const auto file = write("t.tsv", "text\tlabel\na\tlabel\nb\tother\n");
  EXPECT_THAT(test::shown(read_examples(make_custom_task({.labels = {"label", "other"}}), file).examples),
              ElementsAre("a | 0", "b | 1"));
}

TEST_F(ExampleReaderTest, ALineOfMillionsOfCharactersIsRead) {
  const std::string text(8'000'000, 'x');
  const std::string quotes(8'000'000, '"');
  const auto tsv = write("t.tsv", "text\tlabel\n" + text + "\tgood\n");
  const auto csv = write("t.csv", "text,label\n\"" + quotes + "\",good\n");
  const auto jsonl = write("t.jsonl", "{\"text\": \"" + text + "\", \"label\": \"good\"}\n");

  // Reading in time quadratic in the length of the line would take hours.
  EXPECT_EQ(read_examples(one_text_, tsv).examples.front().text, text);
  EXPECT_EQ(read_examples(one_text_, csv).examples.front().text, quotes.substr(0, quotes.size() / 2));
  EXPECT_EQ(read_examples(one_text_, jsonl).examples.front().text, text);
}

TEST_F(ExampleReaderTest, AFileThatIsNotThereIsAnIoError) {
  EXPECT_THROW(read_examples(one_text_, directory_ / "none.tsv"), base::IoError);
}

class SplitFileTest : public test::DataFilesTest {};

TEST_F(SplitFileTest, OfOwnDataHasOneOfThreeForms) {
  const Task task = make_custom_task({.labels = {"0", "1"}});
  const auto train = write("train.csv", "");
  const auto dev = write("dev.tsv", "");
  const auto test = write("test.jsonl", "");

  EXPECT_EQ(split_file(task, directory_.path(), "train"), train);
  EXPECT_EQ(split_file(task, directory_.path(), "dev"), dev);
  EXPECT_EQ(split_file(task, directory_.path(), "test"), test);
}

TEST_F(SplitFileTest, ThatIsNotThereIsNamedWithWhatWasLookedFor) {
  const std::string directory = directory_.path().string();
  EXPECT_THAT(
      [&] { split_file(find_task("mnli"), directory, "dev_mismatched"); },
      ThrowsMessage<base::IoError>(directory + ": expected a file of split dev_mismatched of task mnli, "
                                               "'dev_mismatched.tsv', found none"));
  EXPECT_THAT(
      [&] { split_file(make_custom_task({.regression = true}), directory, "train"); },
      ThrowsMessage<base::IoError>(directory + ": expected a file of split train of task custom, "
                                               "'train.tsv', 'train.csv', 'train.jsonl', found none"));
}

TEST_F(SplitFileTest, ThatIsThereTwiceIsRefused) {
  write("train.csv", "");
  write("train.jsonl", "");
  EXPECT_THAT([&] { split_file(make_custom_task({.regression = true}), directory_.path(), "train"); },
              ThrowsMessage<base::InvalidArgument>(directory_.path().string() +
                                                   ": expected one file of split train of task custom, found "
                                                   "'train.csv', 'train.jsonl'"));
}

TEST_F(SplitFileTest, ThatATaskLacksIsRefusedWithThoseItHas) {
  EXPECT_THAT(
      [&] { split_file(find_task("mnli"), directory_.path(), "test"); },
      ThrowsMessage<base::InvalidArgument>("split of task mnli: expected one of 'dev', 'dev_mismatched', "
                                           "'train', found 'test'"));
}

TEST_F(SplitFileTest, NeedsADirectory) {
  EXPECT_THAT(
      [&] { split_file(find_task("rte"), directory_ / "none", "dev"); },
      ThrowsMessage<base::IoError>(in_directory("none: expected a directory with the data of task rte")));
}

TEST_F(SplitFileTest, IsThereOrNot) {
  const Task task = make_custom_task({.regression = true});
  EXPECT_FALSE(has_split(task, directory_.path(), "test"));
  EXPECT_FALSE(has_split(task, directory_ / "none", "test"));
  write("test.jsonl", "");
  write("test.tsv", "");
  EXPECT_TRUE(has_split(task, directory_.path(), "test"));
  EXPECT_FALSE(has_split(find_task("rte"), directory_.path(), "test"));
}

}  // namespace
}  // namespace kdqat::data
