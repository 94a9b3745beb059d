#include "kdqat/report/study_table.h"

#include <algorithm>
#include <functional>

#include "kdqat/base/error.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using base::concat;
using nlohmann::json;

constexpr int kDecimals = 4;

std::string score_text(const json& value) {
  return value.is_null() ? "" : fixed(value.get<double>(), kDecimals);
}

/// Of a p-value: what is below the last digit shown is said to be.
std::string p_text(const json& value) {
  if (value.is_null()) return "";
  const auto p = value.get<double>();
  return p < 0.001 ? "<0.001" : fixed(p, 3);
}

std::string joined(const json& values, const char* between,
                   const std::function<std::string(const json&)>& text) {
  std::string all;
  for (const json& value : values) all += (all.empty() ? "" : between) + text(value);
  return all;
}

json comparison_of(const json& variant) { return variant.value("against_baseline", json()); }

/// A member of the comparison with the baseline; null where there is none.
json compared(const json& variant, const char* key) {
  const json comparison = comparison_of(variant);
  return comparison.is_null() ? json() : comparison.value(key, json());
}

struct Column {
  const char* title;
  std::string (*cell)(const json& variant);
};

std::string interval_text(const json& variant) {
  const json low = compared(variant, "low");
  return low.is_null() ? "" : concat(score_text(low), " to ", score_text(compared(variant, "high")));
}

std::string mcnemar_text(const json& variant) {
  const json values = compared(variant, "mcnemar_p");
  return values.is_null() ? "" : joined(values, "  ", p_text);
}

std::string seeds_text(const json& variant) {
  return joined(variant.at("runs"), "  ", [](const json& run) { return score_text(run.at("score")); });
}

constexpr Column kColumns[] = {
    {"variant", [](const json& variant) { return variant.at("name").get<std::string>(); }},
    {"runs", [](const json& variant) { return std::to_string(variant.at("runs").size()); }},
    {"mean", [](const json& variant) { return score_text(variant.at("mean")); }},
    {"deviation", [](const json& variant) { return score_text(variant.at("deviation")); }},
    {"difference", [](const json& variant) { return score_text(compared(variant, "difference")); }},
    {"95 % interval", interval_text},
    {"bootstrap p", [](const json& variant) { return p_text(compared(variant, "bootstrap_p")); }},
    {"McNemar p by seed", mcnemar_text},
    {"score by seed", seeds_text},
};

bool is_number_cell(const std::string& cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.-") == cell.npos;
}

/// Columns as wide as their widest cell; numbers to the right.
std::string aligned(const Table& table) {
  std::vector<std::size_t> widths;
  std::vector<bool> numbers;
  for (std::size_t column = 0; column < table.header.size(); ++column) {
    widths.push_back(table.header[column].size());
    numbers.push_back(true);
    for (const std::vector<std::string>& row : table.rows) {
      widths.back() = std::max(widths.back(), row[column].size());
      numbers.back() = numbers.back() && (row[column].empty() || is_number_cell(row[column]));
    }
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string space(widths[column] - cells[column].size(), ' ');
      text +=
          concat(column == 0 ? "" : "  ", numbers[column] ? space + cells[column] : cells[column] + space);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  };
  std::string text = line(table.header);
  for (const std::vector<std::string>& row : table.rows) text += line(row);
  return text;
}

/// A field of a CSV file; quotes where it needs them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

/// JSON's shortest form that reads back as the same number.
std::string number_text(const json& value) { return value.is_null() ? "" : value.dump(); }

}  // namespace

std::string study_caption(const json& task) {
  if (task.at("metric").is_null()) return concat(task.at("name").get<std::string>(), ": no run is done");
  return concat(task.at("name").get<std::string>(), ": ", task.at("metric").get<std::string>(), " on ",
                task.at("reported").get<std::string>(), " (",
                with_thousands(task.at("examples").get<std::int64_t>()), " examples); best models chosen on ",
                task.at("selection").get<std::string>());
}

Table study_table(const json& task) {
  Table table;
  const json& variants = task.at("variants");
  table.rows.resize(variants.size());
  for (const Column& column : kColumns) {
    std::vector<std::string> cells;
    for (const json& variant : variants) cells.push_back(column.cell(variant));
    if (std::ranges::all_of(cells, [](const std::string& cell) { return cell.empty(); })) continue;
    table.header.emplace_back(column.title);
    for (std::size_t row = 0; row < cells.size(); ++row) table.rows[row].push_back(std::move(cells[row]));
  }
  return table;
}

std::string study_text(const json& results) {
  std::string text;
  for (const json& task : results.at("tasks")) {
    text += concat(text.empty() ? "" : "\n", study_caption(task), '\n', aligned(study_table(task)));
  }
  const json& runs = results.at("runs");
  if (!results.at("baseline").is_null())
    text += concat("\ndifferences are from ", results.at("baseline").get<std::string>(), '\n');
  if (runs.at("done") != runs.at("planned"))
    text += concat("\n", runs.at("done").dump(), " of ", runs.at("planned").dump(), " runs are done\n");
  return text;
}

std::string study_csv(const json& results) {
  std::string text =
      "task,variant,runs,mean,deviation,difference,low,high,bootstrap_p,mcnemar_p_by_seed,score_by_seed\n";
  for (const json& task : results.at("tasks")) {
    for (const json& variant : task.at("variants")) {
      text += csv_field(task.at("name").get<std::string>()) + ',' +
              csv_field(variant.at("name").get<std::string>()) + ',' +
              std::to_string(variant.at("runs").size());
      for (const char* key : {"mean", "deviation"}) text += ',' + number_text(variant.at(key));
      for (const char* key : {"difference", "low", "high", "bootstrap_p"})
        text += ',' + number_text(compared(variant, key));
      const json mcnemar = compared(variant, "mcnemar_p");
      text += ',' + (mcnemar.is_null() ? "" : joined(mcnemar, ";", number_text));
      text +=
          ',' + joined(variant.at("runs"), ";", [](const json& run) { return number_text(run.at("score")); });
      text += '\n';
    }
  }
  return text;
}

}  // namespace kdqat::report
