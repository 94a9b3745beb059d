// write_sample_page FOLDER: the pages of the sample run, of linked figures and of the sample study, for
// page_in_chromium.sh.

#include <filesystem>

#include "kdqat/base/file.h"
#include "kdqat/report/charts.h"
#include "kdqat/report/page.h"
#include "kdqat/report/run_report.h"
#include "kdqat/report/study_report.h"
#include "tests/format/sample_run.h"
#include "tests/report/sample_study.h"

namespace {

/// Two lines with names on the x axis, and a map with sliders.
std::string linked_page() {
  using namespace kdqat::report;  // NOLINT(google-build-using-namespace): names of one folder in one function
  Page page("linked");
  const LineChart line{.x_title = "token",
                       .y_title = "rank",
                       .series = {{.name = "map", .points = {{0, 1}, {1, 3}}}},
                       .x_labels = {"[CLS]", "it"},
                       .colour_names = {"teacher", "map"},
                       .link = "tokens"};
  page.add_figure({line_chart(line), "one"});
  page.add_figure({line_chart(line), "two"});
  page.add_figure({heat_map({.row_labels = {"a", "b"},
                             .column_labels = {"a", "b"},
                             .matrices = {{.panel = "teacher", .values = {1, 2, 3, 4}},
                                          {.panel = "teacher", .values = {4, 3, 2, 1}, .head = 1}},
                             .heads = 2}),
                   "three"});
  return page.html();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  kdqat::base::write_file_atomically(folder / "metrics.jsonl", kdqat::test::sample_metrics());
  kdqat::report::write_run_report(folder / "metrics.jsonl", folder / "report.html");
  kdqat::base::write_file_atomically(folder / "linked.html", linked_page());
  kdqat::report::write_study_report("study", kdqat::test::sample_study(), folder / "study.html");
}
