#include "kdqat/report/study_report.h"

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/report/charts.h"
#include "kdqat/report/numbers.h"
#include "kdqat/report/page.h"
#include "kdqat/report/study_table.h"

namespace kdqat::report {
namespace {

using base::concat;
using nlohmann::json;

double total_seconds(const json& results) {
  double seconds = 0.0;
  for (const json& task : results.at("tasks")) {
    for (const json& variant : task.at("variants")) {
      for (const json& run : variant.at("runs")) seconds += run.value("seconds", 0.0);
    }
  }
  return seconds;
}

void add_study_summary(const json& results, Page& page) {
  const json& runs = results.at("runs");
  const json& baseline = results.at("baseline");
  page.add_facts({{"Runs done", runs.at("done").dump(), concat("of ", runs.at("planned").dump())},
                  {"Seeds", std::to_string(results.at("seeds").size()), results.at("seeds").dump()},
                  {"Baseline", baseline.is_null() ? "none" : baseline.get<std::string>(), ""},
                  {"Duration", format_duration(total_seconds(results)), "of all trainings together"}});
}

SpreadChart score_chart(const json& task) {
  SpreadChart chart{.x_title = task.at("metric").get<std::string>()};
  for (const json& variant : task.at("variants")) {
    if (variant.at("runs").empty()) continue;
    Spread group{.name = variant.at("name").get<std::string>(), .mean = variant.at("mean").get<double>()};
    if (!variant.at("deviation").is_null()) group.deviation = variant.at("deviation").get<double>();
    for (const json& run : variant.at("runs")) {
      group.values.push_back(
          {.name = concat("seed ", run.at("seed").dump()), .value = run.at("score").get<double>()});
    }
    chart.groups.push_back(std::move(group));
  }
  return chart;
}

void add_study_task(const json& task, Page& page) {
  page.add_section(task.at("name").get<std::string>());
  page.add_text(study_caption(task) + '.');
  if (task.at("metric").is_null()) return;
  page.add_figure(
      {spread_chart(score_chart(task)),
       "A dot is the best model of a run; a bar the mean of a variant's seeds, the line to both sides "
       "of it their standard deviation."});
  page.add_table(study_table(task));
}

/// Markers of significance need words, once.
void add_study_notes(const json& results, Page& page) {
  if (results.at("baseline").is_null()) return;
  page.add_text(
      concat("Differences are from ", results.at("baseline").get<std::string>(),
             ", over the seeds that both have. The interval and the bootstrap's p-value are of the "
             "reported examples, drawn anew; they say nothing of other seeds, for which the deviation "
             "stands."));
}

}  // namespace

void write_study_report(const std::string& title, const nlohmann::json& results,
                        const std::filesystem::path& html) {
  Page page(title);
  add_study_summary(results, page);
  add_study_notes(results, page);
  for (const json& task : results.at("tasks")) add_study_task(task, page);
  page.add_section("Settings");
  json variants = json::object();
  for (const json& variant : results.at("variants")) {
    variants[variant.at("name").get<std::string>()] = variant.at("options");
  }
  page.add_text("Of every student, and of each variant what it has of its own:");
  page.add_values({{"students", results.at("students")}, {"variant", variants}});
  base::write_file_atomically(html, page.html());
}

}  // namespace kdqat::report
