#include "kdqat/format/run_log.h"

#include <cmath>
#include <fstream>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"

namespace kdqat::format {
namespace {

using base::JsonFields;
using nlohmann::json;

/// JSON has no NaN: null.
json number_or_null(double number) { return std::isnan(number) ? json() : json(number); }

json lists_json(const std::map<std::string, std::vector<double>>& lists) {
  json object = json::object();
  for (const auto& [name, numbers] : lists) {
    json& list = object[name] = json::array();
    for (const double number : numbers) list.push_back(number_or_null(number));
  }
  return object;
}

template <typename Value>
void set_where_given(json& line, const char* key, const std::optional<Value>& value) {
  if (value) line[key] = *value;
}

json object_or_empty(const JsonFields& line, const char* key) {
  const std::optional<JsonFields> object = line.optional_object(key);
  return object ? object->value() : json::object();
}

RunStart read_start(const JsonFields& line) {
  return {.command = line.string_or("command", ""),
          .version = line.string_or("version", ""),
          .started = line.string_or("started", ""),
          .task = line.string_or("task", ""),
          .config = object_or_empty(line, "config"),
          .model = object_or_empty(line, "model"),
          .machine = object_or_empty(line, "machine")};
}

StepRecord read_step(const JsonFields& line) {
  return {.step = line.integer("step"),
          .epoch = line.optional_number("epoch"),
          .learning_rate = line.optional_number("learning_rate"),
          .loss = line.optional_number("loss"),
          .losses = line.numbers("losses"),
          .layer_losses = line.number_lists("layer_losses"),
          .tokens_per_second = line.optional_number("tokens_per_second")};
}

EvaluationRecord read_evaluation(const JsonFields& line) {
  return {.step = line.integer("step"),
          .split = line.string_or("split", ""),
          .metric = line.string_or("metric", ""),
          .score = line.number("score"),
          .best = line.boolean_or("best", false),
          .metrics = line.numbers("metrics"),
          .examples = line.optional_integer("examples")};
}

CodesRecord read_codes(const JsonFields& line) {
  CodesRecord codes{.step = line.integer("step")};
  for (const JsonFields& tensor : line.objects("tensors")) {
    codes.tensors.push_back({.name = tensor.string_or("name", ""),
                             .layer = tensor.integer("layer"),
                             .role = tensor.string_or("role", ""),
                             .negative = tensor.number("negative"),
                             .zero = tensor.number("zero"),
                             .positive = tensor.number("positive"),
                             .scale = tensor.number("scale")});
  }
  return codes;
}

RankingRecord read_ranking(const JsonFields& line) {
  return {.step = line.integer("step"),
          .sentences = line.integer("sentences"),
          .tokens = line.number_lists("tokens")};
}

EndRecord read_end(const JsonFields& line) {
  return {.step = line.integer("step"),
          .best_step = line.optional_integer("best_step"),
          .best_score = line.optional_number("best_score"),
          .last_score = line.optional_number("last_score"),
          .metric = line.string_or("metric", ""),
          .seconds = line.numbers("seconds"),
          .peak_rss_bytes = line.optional_integer("peak_rss_bytes"),
          .status = line.string_or("status", "")};
}

/// Appends, in the place of those that are not before it.
template <typename Record>
void replace_from(std::vector<Record>& records, Record record) {
  while (!records.empty() && records.back().step >= record.step) records.pop_back();
  records.push_back(std::move(record));
}

void replace_evaluation(std::vector<EvaluationRecord>& evaluations, EvaluationRecord evaluation) {
  std::erase_if(evaluations, [&](const EvaluationRecord& earlier) {
    return earlier.step > evaluation.step ||
           (earlier.step == evaluation.step && earlier.split == evaluation.split);
  });
  evaluations.push_back(std::move(evaluation));
}

void read_line(const JsonFields& line, RunLog& log) {
  const std::string kind = line.string_or("kind", "");
  if (kind == "run") {
    log.start = read_start(line);
    log.end.reset();  // the run goes on after what was its end
  } else if (kind == "step") {
    replace_from(log.steps, read_step(line));
  } else if (kind == "evaluation" && line.optional_number("score")) {
    replace_evaluation(log.evaluations, read_evaluation(line));
  } else if (kind == "codes") {
    replace_from(log.codes, read_codes(line));
  } else if (kind == "ranking") {
    replace_from(log.rankings, read_ranking(line));
  } else if (kind == "end") {
    log.end = read_end(line);
  }
}

bool is_of_kind(const json& line, std::string_view kind) {
  const auto found = line.is_object() ? line.find("kind") : line.end();
  return found != line.end() && *found == kind;
}

}  // namespace

json to_json(const RunStart& start) {
  return {{"kind", "run"},
          {"command", start.command},
          {"version", start.version},
          {"started", start.started},
          {"task", start.task},
          {"config", start.config},
          {"model", start.model},
          {"machine", start.machine}};
}

json to_json(const StepRecord& record) {
  json line = {{"kind", "step"}, {"step", record.step}};
  set_where_given(line, "epoch", record.epoch);
  set_where_given(line, "learning_rate", record.learning_rate);
  set_where_given(line, "loss", record.loss);
  set_where_given(line, "tokens_per_second", record.tokens_per_second);
  if (!record.losses.empty()) line["losses"] = record.losses;
  if (!record.layer_losses.empty()) line["layer_losses"] = lists_json(record.layer_losses);
  return line;
}

json to_json(const EvaluationRecord& record) {
  json line = {{"kind", "evaluation"},     {"step", record.step},   {"split", record.split},
               {"metric", record.metric},  {"score", record.score}, {"best", record.best},
               {"metrics", record.metrics}};
  set_where_given(line, "examples", record.examples);
  return line;
}

json to_json(const CodesRecord& record) {
  json tensors = json::array();
  for (const TensorCodes& tensor : record.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"layer", tensor.layer},
                       {"role", tensor.role},
                       {"negative", tensor.negative},
                       {"zero", tensor.zero},
                       {"positive", tensor.positive},
                       {"scale", tensor.scale}});
  }
  return {{"kind", "codes"}, {"step", record.step}, {"tensors", std::move(tensors)}};
}

json to_json(const RankingRecord& record) {
  return {{"kind", "ranking"},
          {"step", record.step},
          {"sentences", record.sentences},
          {"tokens", lists_json(record.tokens)}};
}

json to_json(const EndRecord& record) {
  json line = {{"kind", "end"},
               {"step", record.step},
               {"metric", record.metric},
               {"seconds", record.seconds},
               {"status", record.status}};
  set_where_given(line, "best_step", record.best_step);
  set_where_given(line, "best_score", record.best_score);
  set_where_given(line, "last_score", record.last_score);
  set_where_given(line, "peak_rss_bytes", record.peak_rss_bytes);
  return line;
}

RunLog read_run_log(const std::filesystem::path& metrics_jsonl) {
  const std::string text = base::read_file(metrics_jsonl);
  RunLog log;
  std::int64_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    if (begin >= text.size() && !json::accept(line)) break;  // the last line, which a kill has cut
    const std::string where = base::at_line(metrics_jsonl.string(), number);
    read_line(JsonFields(base::parse_json(line, where), where), log);
  }
  return log;
}

RunStart read_run_start(const std::filesystem::path& metrics_jsonl) {
  std::ifstream stream(metrics_jsonl);
  std::string text;
  std::getline(stream, text);
  const json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string where = base::at_line(metrics_jsonl.string(), 1);
  if (!is_of_kind(line, "run")) {
    throw base::FormatError(where + ": expected the record of a run, found another line");
  }
  return read_start(JsonFields(line, where));
}

std::optional<EndRecord> read_run_end(const std::filesystem::path& metrics_jsonl) {
  std::ifstream stream(metrics_jsonl);
  std::string last;
  for (std::string line; std::getline(stream, line);) last = line;
  const json line = json::parse(last, nullptr, /*allow_exceptions=*/false);
  if (!is_of_kind(line, "end") || line.value("status", json()) != "done") return {};
  const JsonFields fields(line, metrics_jsonl.string() + ", last line");
  for (const char* score : {"best_score", "last_score"}) fields.number(score);
  fields.integer("best_step");
  return read_end(fields);
}

}  // namespace kdqat::format
