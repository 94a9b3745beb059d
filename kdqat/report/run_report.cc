#include "kdqat/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/format/run_log.h"
#include "kdqat/report/charts.h"
#include "kdqat/report/numbers.h"
#include "kdqat/report/page.h"

namespace kdqat::report {
namespace {

using base::concat;
using nlohmann::json;

constexpr std::size_t kMostPoints = 2000;  // of a series: more than a wide screen has pixels
constexpr std::size_t kMostMeans = 400;    // of a running mean, which has no peaks to keep
constexpr std::size_t kMeansPerRun = 25;   // the window of a running mean is this part of the run
constexpr int kScoreDecimals = 4;

/// "attention_map" -> "attention map"
std::string words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string first_upper(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

/// The values of `of` over the steps that have a finite one.
std::vector<Point> step_points(const std::vector<format::StepRecord>& steps,
                               const std::function<std::optional<double>(const format::StepRecord&)>& of) {
  std::vector<Point> points;
  for (const format::StepRecord& step : steps) {
    const std::optional<double> y = of(step);
    if (y && std::isfinite(*y)) points.push_back({static_cast<double>(step.step), *y});
  }
  return points;
}

/// Points of a noisy loss as a line that can be read among others.
std::vector<Point> smoothed(const std::vector<Point>& points) {
  return thin(running_mean(points, std::max<std::size_t>(1, points.size() / kMeansPerRun)), kMostMeans);
}

/// Whether `smoothed` changes anything.
bool is_noisy(const std::vector<format::StepRecord>& steps) { return steps.size() >= 2 * kMeansPerRun; }

/// What a caption says of lines that are smoothed.
std::string mean_note(const std::vector<format::StepRecord>& steps) {
  return is_noisy(steps) ? concat(", the mean over 1/", kMeansPerRun, " of the run around each step") : "";
}

/// Names of the members that any of the steps has, in the order of the alphabet.
template <typename Member>
std::vector<std::string> names_of(const std::vector<format::StepRecord>& steps, Member member) {
  std::vector<std::string> names;
  for (const format::StepRecord& step : steps) {
    for (const auto& [name, value] : step.*member) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<double> found(const std::map<std::string, double>& values, const std::string& name) {
  const auto at = values.find(name);
  return at == values.end() ? std::nullopt : std::optional(at->second);
}

struct Best {
  std::int64_t step = 0;
  double score = 0.0;
  std::string metric;
};

std::optional<Best> best_of(const format::RunLog& record) {
  std::optional<Best> best;
  for (const format::EvaluationRecord& evaluation : record.evaluations) {
    if (evaluation.best) best = {evaluation.step, evaluation.score, evaluation.metric};
  }
  if (record.end && record.end->best_step && record.end->best_score) {
    const std::string metric = record.evaluations.empty() ? "" : record.evaluations.back().metric;
    best = {*record.end->best_step, *record.end->best_score, metric};
  }
  return best;
}

std::string status_of(const format::RunLog& record) {
  if (!record.end) return "not finished";
  return record.end->status.empty() ? "ended" : record.end->status;
}

std::int64_t last_step(const format::RunLog& record) {
  if (record.end) return record.end->step;
  return record.steps.empty() ? 0 : record.steps.back().step;
}

std::optional<double> median_speed(const std::vector<format::StepRecord>& steps) {
  std::vector<double> speeds;
  for (const format::StepRecord& step : steps) {
    if (step.tokens_per_second) speeds.push_back(*step.tokens_per_second);
  }
  if (speeds.empty()) return std::nullopt;
  const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
  std::nth_element(speeds.begin(), middle, speeds.end());
  return *middle;
}

void add_time_facts(const format::EndRecord& end, std::vector<Fact>& facts) {
  double total = 0.0;
  std::string parts;
  for (const auto& [name, seconds] : end.seconds) {
    total += seconds;
    parts += concat(parts.empty() ? "" : ", ", words(name), ' ', format_duration(seconds));
  }
  if (!end.seconds.empty()) facts.push_back({"Duration", format_duration(total), parts});
}

void add_summary(const format::RunLog& record, Page& page) {
  std::vector<Fact> facts;
  if (const std::optional<Best> best = best_of(record)) {
    facts.push_back(
        {"Best score", fixed(best->score, kScoreDecimals),
         concat(words(best->metric), best->metric.empty() ? "" : ", ", "step ", with_thousands(best->step))});
  }
  if (!record.start.task.empty()) facts.push_back({"Task", record.start.task, ""});
  if (!record.start.command.empty()) facts.push_back({"Command", record.start.command, ""});
  facts.push_back({"Status", status_of(record), concat("step ", with_thousands(last_step(record)))});
  if (record.end) add_time_facts(*record.end, facts);
  if (const std::optional<double> speed = median_speed(record.steps)) {
    facts.push_back({"Speed", with_thousands(static_cast<std::int64_t>(*speed)), "tokens/s, median"});
  }
  if (const auto parameters = record.start.model.find("parameters");
      parameters != record.start.model.end() && parameters->is_number_integer()) {
    facts.push_back({"Parameters", with_thousands(parameters->get<std::int64_t>()), ""});
  }
  if (record.end && record.end->peak_rss_bytes) {
    facts.push_back({"Peak memory", byte_size(*record.end->peak_rss_bytes), ""});
  }
  page.add_facts(facts);
}

void add_losses(const format::RunLog& record, Page& page) {
  LineChart chart{.x_title = "step", .y_title = "loss", .from_zero = true, .height = 300};
  const bool noisy = is_noisy(record.steps);
  std::vector<Series> means;
  const auto add = [&](const std::string& name, const std::vector<Point>& points) {
    if (points.empty()) return;
    if (noisy) {
      chart.series.push_back({.name = name, .points = thin(points, kMostPoints), .style = Style::kFaint});
    }
    means.push_back({.name = name, .points = smoothed(points)});
  };
  add("total", step_points(record.steps, [](const format::StepRecord& step) { return step.loss; }));
  for (const std::string& name : names_of(record.steps, &format::StepRecord::losses)) {
    add(words(name),
        step_points(record.steps, [&](const format::StepRecord& step) { return found(step.losses, name); }));
  }
  if (means.empty()) return;
  chart.logarithmic = fits_logarithmic(means);
  chart.series.insert(chart.series.end(), means.begin(), means.end());
  page.add_section("Losses");
  page.add_figure(
      {line_chart(chart), concat("The loss of the training batches: what is minimised, and its parts",
                                 noisy ? ". Faint: as recorded; clear" : "", mean_note(record.steps), ".")});
}

void add_scores(const format::RunLog& record, Page& page) {
  if (record.evaluations.empty()) return;
  LineChart chart{
      .x_title = "step", .y_title = words(record.evaluations.back().metric), .points = true, .height = 220};
  for (const format::EvaluationRecord& evaluation : record.evaluations) {
    const auto same_split = [&](const Series& series) { return series.name == evaluation.split; };
    auto series = std::find_if(chart.series.begin(), chart.series.end(), same_split);
    if (series == chart.series.end()) series = chart.series.insert(series, {.name = evaluation.split});
    series->points.push_back({static_cast<double>(evaluation.step), evaluation.score});
  }
  for (Series& series : chart.series) series.points = thin(series.points, kMostPoints);
  if (const std::optional<Best> best = best_of(record)) {
    chart.mark = {{static_cast<double>(best->step), best->score},
                  concat("best ", fixed(best->score, kScoreDecimals))};
  }
  page.add_section("Score");
  page.add_figure(
      {line_chart(chart), "The score of each evaluation; the ring is the best, which the run keeps."});
}

void add_learning_rate(const format::RunLog& record, Page& page) {
  const std::vector<Point> points =
      step_points(record.steps, [](const format::StepRecord& step) { return step.learning_rate; });
  if (points.empty()) return;
  LineChart chart{.x_title = "step", .y_title = "learning rate", .from_zero = true, .height = 140};
  chart.series = {{.name = "learning rate", .points = thin(points, kMostPoints)}};
  page.add_section("Learning rate");
  page.add_figure({line_chart(chart), "The learning rate by step."});
}

std::string layer_name(const std::string& loss, std::size_t index) {
  // Hidden states begin with the output of the embeddings.
  if (loss != "hidden_state") return concat("layer ", index);
  return index == 0 ? "embeddings" : concat("layer ", index - 1);
}

/// One loss's values at each layer that has some (a run may distil only some layers), over the steps.
std::vector<Series> layer_series(const std::vector<format::StepRecord>& steps, const std::string& loss) {
  const auto values = [&](const format::StepRecord& step) {
    const auto at = step.layer_losses.find(loss);
    return at == step.layer_losses.end() ? std::span<const double>() : std::span(at->second);
  };
  std::size_t layers = 0;
  for (const format::StepRecord& step : steps) layers = std::max(layers, values(step).size());

  std::vector<Series> series;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const std::vector<Point> points = step_points(steps, [&](const format::StepRecord& step) {
      const std::span<const double> of_layers = values(step);
      return layer < of_layers.size() ? std::optional(of_layers[layer]) : std::nullopt;
    });
    if (!points.empty()) series.push_back({.name = layer_name(loss, layer), .points = smoothed(points)});
  }
  return series;
}

void add_layer_losses(const format::RunLog& record, Page& page) {
  const std::vector<std::string> losses = names_of(record.steps, &format::StepRecord::layer_losses);
  if (losses.empty()) return;
  page.add_section("Losses layer by layer");
  for (const std::string& loss : losses) {
    LineChart chart{.title = first_upper(words(loss)),
                    .x_title = "step",
                    .y_title = "loss",
                    .ordered = true,
                    .from_zero = true,
                    .height = 200};
    chart.series = layer_series(record.steps, loss);
    if (chart.series.empty()) continue;
    chart.logarithmic = fits_logarithmic(chart.series);
    page.add_figure({line_chart(chart),
                     concat("Each layer's ", words(loss), " loss", mean_note(record.steps), "."), true});
  }
}

std::vector<format::TensorCodes> by_layer(std::vector<format::TensorCodes> tensors) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const format::TensorCodes& left, const format::TensorCodes& right) {
                     return left.layer < right.layer;
                   });
  return tensors;
}

void add_code_shares(const format::CodesRecord& last, Page& page) {
  ShareChart chart{.x_title = "layer", .parts = {"-1", "0", "+1"}};
  Table outside{{"Weight outside of the layers", "-1", "0", "+1", "Scale"}, {}};
  const auto percent = [](double share) { return fixed(100.0 * share, 1) + " %"; };
  for (const format::TensorCodes& tensor : by_layer(last.tensors)) {
    if (tensor.layer >= 0) {
      chart.bars.push_back({words(tensor.role),
                            std::to_string(tensor.layer),
                            {tensor.negative, tensor.zero, tensor.positive}});
    } else {
      outside.rows.push_back({tensor.name, percent(tensor.negative), percent(tensor.zero),
                              percent(tensor.positive), significant(tensor.scale, 3)});
    }
  }
  if (!chart.bars.empty()) {
    page.add_figure(
        {share_chart(chart), concat("Shares of the codes -1, 0 and +1 in each weight of the layers at step ",
                                    with_thousands(last.step), ".")});
  }
  if (!outside.rows.empty()) page.add_table(outside);
}

void add_scales(const format::CodesRecord& codes, const std::string& variant, LineChart& chart) {
  for (const format::TensorCodes& tensor : by_layer(codes.tensors)) {
    if (tensor.layer < 0) continue;
    const std::string name = words(tensor.role);
    const auto same = [&](const Series& series) { return series.name == name && series.variant == variant; };
    auto series = std::find_if(chart.series.begin(), chart.series.end(), same);
    if (series == chart.series.end()) {
      const Style style = variant.empty() ? Style::kSolid : Style::kHollow;
      series = chart.series.insert(series, {.name = name, .style = style, .variant = variant});
    }
    series->points.push_back({static_cast<double>(tensor.layer), tensor.scale});
  }
}

void add_codes(const format::RunLog& record, Page& page) {
  if (record.codes.empty()) return;
  const format::CodesRecord& first = record.codes.front();
  const format::CodesRecord& last = record.codes.back();
  page.add_section("Ternary codes");
  add_code_shares(last, page);

  LineChart chart{.x_title = "layer", .y_title = "scale", .points = true, .whole_numbers = true};
  add_scales(last, "", chart);
  std::string caption = concat("The scale of each weight of the layers at step ", with_thousands(last.step));
  if (first.step < last.step) {
    const std::string start = concat("step ", with_thousands(first.step));
    add_scales(first, start, chart);
    caption += concat("; hollow and dashed: at ", start);
  }
  if (!chart.series.empty()) page.add_figure({line_chart(chart), caption + "."});
}

void add_run(const format::RunLog& record, Page& page) {
  json run = json::object();
  if (!record.start.started.empty()) run["started"] = record.start.started;
  if (!record.start.version.empty()) run["version"] = record.start.version;
  if (!record.start.model.empty()) run["model"] = record.start.model;
  if (!record.start.machine.empty()) run["machine"] = record.start.machine;
  if (!run.empty()) {
    page.add_section("Model and machine");
    page.add_values(run);
  }
  if (!record.start.config.empty()) {
    page.add_section("Configuration");
    page.add_values(record.start.config);
  }
}

}  // namespace

void write_run_report(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& html) {
  const format::RunLog record = format::read_run_log(metrics_jsonl);
  Page page(concat("kdqat ", record.start.command.empty() ? "run" : record.start.command,
                   record.start.task.empty() ? "" : concat(": ", record.start.task)));
  add_summary(record, page);
  add_losses(record, page);
  add_scores(record, page);
  add_learning_rate(record, page);
  add_layer_losses(record, page);
  add_codes(record, page);
  add_run(record, page);
  base::write_file_atomically(html, page.html());
}

}  // namespace kdqat::report
