#include "kdqat/data/custom_task.h"

#include "kdqat/base/error.h"
#include "tests/data/data_files.h"

namespace kdqat::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class CustomTaskTest : public test::DataFilesTest {};

TEST_F(CustomTaskTest, ClassesAreTheSortedLabelsOfTheTrainingFile) {
  write("train.tsv", "text\tlabel\na\tsport\nb\tarts\nc\tsport\nd\tnews\n");

  const Task task = make_custom_task({}, directory_.path());

  EXPECT_EQ(task.name, "custom");
  EXPECT_EQ(task.kind, TaskKind::kClassification);
  EXPECT_EQ(task.metric, Metric::kAccuracy);
  EXPECT_THAT(task.labels, ElementsAre("arts", "news", "sport"));
  EXPECT_EQ(task.label_values, task.labels);
}

TEST_F(CustomTaskTest, IntegerLabelsAreSortedByNumber) {
  const auto file = write("reviews.csv", "text,label\na,10\nb,9\nc,-1\nd,10\n");
  EXPECT_THAT(make_custom_task({}, file).labels, ElementsAre("-1", "9", "10"));
}

TEST_F(CustomTaskTest, BooleanLabelsMakeFalseClassZero) {
  const auto file =
      write("train.jsonl", "{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}\n");
  EXPECT_THAT(make_custom_task({}, file).labels, ElementsAre("false", "true"));
}

TEST_F(CustomTaskTest, GivenClassesKeepTheirOrderAndNoFileIsRead) {
  const Task task = make_custom_task({.metric = Metric::kF1, .labels = {"no", "maybe"}}, directory_ / "none");
  EXPECT_THAT(task.labels, ElementsAre("no", "maybe"));
  EXPECT_EQ(task.metric, Metric::kF1);
}

TEST_F(CustomTaskTest, ARegressionHasNoClassesAndReadsNoFile) {
  const Task task = make_custom_task({.regression = true}, directory_ / "none");
  EXPECT_EQ(task.kind, TaskKind::kRegression);
  EXPECT_EQ(task.metric, Metric::kPearsonAndSpearman);
  EXPECT_THAT(task.labels, IsEmpty());
}

TEST_F(CustomTaskTest, TrainingDataErrorsNameTheFile) {
  EXPECT_THROW(make_custom_task({}, directory_ / "none.tsv"), base::IoError);
  EXPECT_THROW(make_custom_task({}, directory_.path()), base::IoError);

  write("train.tsv", "text\tlabel\na\tx\nb\tx\n");
  EXPECT_THAT([&] { make_custom_task({}, directory_.path()); },
              ThrowsMessage<base::FormatError>(
                  in_directory("train.tsv: expected labels of at least two classes, found only 'x'")));
  const auto unlabelled = write("unlabelled.csv", "text,label\na,x\nb,\n");
  EXPECT_THAT([&] { make_custom_task({}, unlabelled); },
              ThrowsMessage<base::FormatError>(
                  in_directory("unlabelled.csv, line 3: expected a label, found an empty one")));
}

struct BadOptions {
  const char* property;
  CustomTaskOptions options;
  const char* message;
};

void PrintTo(const BadOptions& bad, std::ostream* out) { *out << bad.property; }

const BadOptions kBadOptions[] = {
    {"EmptyColumnName",
     {.text_column = "", .labels = {"a", "b"}},
     "column name: expected a name, found an empty one"},
    {"RepeatedColumnName",
     {.pair_column = "text", .labels = {"a", "b"}},
     "columns of text, pair and label: expected different names, found 'text' twice"},
    {"NoClass", {}, "labels: expected at least two, found none"},
    {"OneClass", {.labels = {"a"}}, "labels: expected at least two, found only 'a'"},
    {"EmptyClassName", {.labels = {"a", ""}}, "labels: expected names, found an empty one"},
    {"RepeatedClass", {.labels = {"a", "b", "a"}}, "labels: expected different names, found 'a' twice"},
    {"ClassesOfARegression",
     {.regression = true, .labels = {"a", "b"}},
     "labels: expected none for a regression, found 'a', 'b'"},
    {"AccuracyOfARegression",
     {.metric = Metric::kAccuracy, .regression = true},
     "metric: expected one for a regression, found accuracy"},
    {"PearsonOfClasses",
     {.metric = Metric::kPearsonAndSpearman, .labels = {"a", "b"}},
     "metric: expected one for a classification, found pearson_and_spearman"},
    {"F1OfThreeClasses",
     {.metric = Metric::kF1, .labels = {"a", "b", "c"}},
     "metric f1: expected two classes, found 3"},
    {"F1AndAccuracyOfThreeClasses",
     {.metric = Metric::kF1AndAccuracy, .labels = {"a", "b", "c"}},
     "metric f1_and_accuracy: expected two classes, found 3"},
};

class BadOptionsTest : public ::testing::TestWithParam<BadOptions> {};

TEST_P(BadOptionsTest, AreRefused) {
  EXPECT_THAT([] { make_custom_task(GetParam().options); },
              ThrowsMessage<base::InvalidArgument>(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(All, BadOptionsTest, ::testing::ValuesIn(kBadOptions),
                         [](const auto& test) { return test.param.property; });

}  // namespace
}  // namespace kdqat::data
