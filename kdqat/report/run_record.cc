#include "kdqat/report/run_record.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"

namespace kdqat::report {
namespace {

using base::concat;
using base::FormatError;
using nlohmann::json;

/// One line's object, with where it stands for the messages of errors.
class Line {
 public:
  Line(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("a JSON object", object);
  }

  std::int64_t integer(const char* key) const { return integer_of(key, needed(key)); }
  double number(const char* key) const { return number_of(key, needed(key)); }

  std::optional<std::int64_t> optional_integer(const char* key) const {
    const json* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(integer_of(key, *value));
  }

  std::optional<double> optional_number(const char* key) const {
    const json* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(number_of(key, *value));
  }

  std::string text(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) fail(concat('"', key, "\" as a text"), *value);
    return value->get<std::string>();
  }

  bool flag(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fail(concat('"', key, "\" as true or false"), *value);
    return value->get<bool>();
  }

  /// The member's object; an empty one where it is missing.
  const json& object(const char* key) const {
    static const json kNone = json::object();
    const json* value = find(key);
    if (value == nullptr) return kNone;
    if (!value->is_object()) fail(concat('"', key, "\" as an object"), *value);
    return *value;
  }

  std::map<std::string, double> numbers(const char* key) const {
    std::map<std::string, double> all;
    for (const auto& [name, value] : object(key).items()) {
      if (!value.is_null()) all[name] = number_of(concat(key, '.', name), value);
    }
    return all;
  }

  std::map<std::string, std::vector<double>> number_lists(const char* key) const {
    std::map<std::string, std::vector<double>> all;
    for (const auto& [name, values] : object(key).items()) {
      const std::string full = concat(key, '.', name);
      if (!values.is_array()) fail(concat('"', full, "\" as a list"), values);
      for (const json& value : values) {
        all[name].push_back(value.is_null() ? std::nan("") : number_of(full, value));
      }
    }
    return all;
  }

  std::vector<Line> lines(const char* key) const {
    const json& values = needed(key);
    if (!values.is_array()) fail(concat('"', key, "\" as a list"), values);
    std::vector<Line> all;
    for (const json& value : values) all.emplace_back(value, concat(where_, ", ", key, '[', all.size(), ']'));
    return all;
  }

 private:
  const json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  const json& needed(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) throw FormatError(concat(where_, ": expected \"", key, "\", found no such member"));
    return *value;
  }

  double number_of(const std::string& key, const json& value) const {
    if (!value.is_number()) fail(concat('"', key, "\" as a number"), value);
    return value.get<double>();
  }

  std::int64_t integer_of(const char* key, const json& value) const {
    if (!value.is_number_integer()) fail(concat('"', key, "\" as a whole number"), value);
    return value.get<std::int64_t>();
  }

  [[noreturn]] void fail(const std::string& expected, const json& found) const {
    constexpr std::size_t kShown = 40;
    std::string text = found.dump(-1, ' ', true, json::error_handler_t::replace);
    if (text.size() > kShown) text = text.substr(0, kShown) + "...";
    throw FormatError(concat(where_, ": expected ", expected, ", found ", text));
  }

  const json& object_;
  std::string where_;
};

StepRecord read_step(const Line& line) {
  return {.step = line.integer("step"),
          .learning_rate = line.optional_number("learning_rate"),
          .loss = line.optional_number("loss"),
          .losses = line.numbers("losses"),
          .layer_losses = line.number_lists("layer_losses"),
          .tokens_per_second = line.optional_number("tokens_per_second")};
}

EvaluationRecord read_evaluation(const Line& line) {
  return {.step = line.integer("step"),
          .split = line.text("split"),
          .metric = line.text("metric"),
          .score = line.optional_number("score").value(),
          .best = line.flag("best")};
}

CodesRecord read_codes(const Line& line) {
  CodesRecord codes{.step = line.integer("step"), .tensors = {}};
  for (const Line& tensor : line.lines("tensors")) {
    codes.tensors.push_back({.name = tensor.text("name"),
                             .layer = tensor.integer("layer"),
                             .role = tensor.text("role"),
                             .negative = tensor.number("negative"),
                             .zero = tensor.number("zero"),
                             .positive = tensor.number("positive"),
                             .scale = tensor.number("scale")});
  }
  return codes;
}

EndRecord read_end(const Line& line) {
  return {.step = line.integer("step"),
          .best_step = line.optional_integer("best_step"),
          .best_score = line.optional_number("best_score"),
          .seconds = line.numbers("seconds"),
          .peak_rss_bytes = line.optional_integer("peak_rss_bytes"),
          .status = line.text("status")};
}

void read_run(const Line& line, RunRecord& record) {
  record.command = line.text("command");
  record.version = line.text("version");
  record.started = line.text("started");
  record.task = line.text("task");
  record.config = line.object("config");
  record.model = line.object("model");
  record.machine = line.object("machine");
  record.end.reset();  // the run goes on after what was its end
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

void read_line(const Line& line, RunRecord& record) {
  const std::string kind = line.text("kind");
  if (kind == "run") {
    read_run(line, record);
  } else if (kind == "step") {
    replace_from(record.steps, read_step(line));
  } else if (kind == "evaluation" && line.optional_number("score")) {
    replace_evaluation(record.evaluations, read_evaluation(line));
  } else if (kind == "codes") {
    replace_from(record.codes, read_codes(line));
  } else if (kind == "end") {
    record.end = read_end(line);
  }
}

}  // namespace

RunRecord read_run_record(const std::filesystem::path& metrics_jsonl) {
  const std::string text = base::read_file(metrics_jsonl);
  RunRecord record;
  std::size_t number = 1;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.empty()) continue;
    const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const std::string where = concat(metrics_jsonl.string(), ", line ", number);
    if (object.is_discarded()) {
      if (begin >= text.size()) break;  // the last line
      throw FormatError(concat(where, ": expected a JSON object, found ", line.substr(0, 40)));
    }
    read_line(Line(object, where), record);
  }
  return record;
}

}  // namespace kdqat::report
