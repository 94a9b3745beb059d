#include "kdqat/data/record_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"
#include "kdqat/data/table_reader.h"
#include "kdqat/text/unicode.h"

namespace kdqat::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

enum class FileForm { kTsv, kCsv, kJsonLines };

FileForm form_of(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".tsv" || extension == ".txt") return FileForm::kTsv;
  if (extension == ".csv") return FileForm::kCsv;
  if (extension == ".jsonl") return FileForm::kJsonLines;
  throw base::InvalidArgument(
      base::concat(file.string(), ": expected a name that ends in .tsv, .txt, .csv or .jsonl, found ",
                   base::quote(extension)));
}

void check_utf8(const std::string& file, std::string_view content) {
  const std::optional<std::size_t> invalid = text::find_invalid_utf8(content);
  if (!invalid) return;
  const std::string_view before = content.substr(0, *invalid);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  throw base::FormatError(base::concat(base::at_line(file, 1 + std::ranges::count(before, '\n')),
                                       ": expected UTF-8, found byte ",
                                       int{static_cast<unsigned char>(content[*invalid])}, " at byte ",
                                       *invalid - line_begin, " of the line"));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::string describe(const Column& column) {
  if (const auto* name = std::get_if<std::string>(&column)) return "column " + base::quote(*name);
  const auto position = std::get<std::int64_t>(column);
  if (position == kLastColumn) return "the last column";
  return base::concat("column ", position, " (counted from 0)");
}

/// Rows that a task tells to skip.
struct Skipped {
  std::int64_t count = 0;
  std::int64_t first_line = 0;

  void add(std::int64_t line) {
    if (count++ == 0) first_line = line;
  }
};

/// Takes the rows of one file and keeps what the task wants of them.
class RecordCollector {
 public:
  RecordCollector(const Task& task, std::string file) : task_(task), file_(std::move(file)) {}

  void add(Record record) {
    const bool text_is_blank = is_blank(record.text);
    if (!text_is_blank && !(record.pair && is_blank(*record.pair))) {
      result_.records.push_back(std::move(record));
      return;
    }
    if (!task_.skip_empty_texts) {
      throw base::FormatError(base::concat(base::at_line(file_, record.line), ": expected a text in ",
                                           describe(text_is_blank ? task_.columns.text : *task_.columns.pair),
                                           ", found an empty one"));
    }
    empty_.add(record.line);
  }

  void skip_short_row(std::int64_t line) { short_.add(line); }

  Records finish() {
    if (short_.count > 0) warn(short_, "too few columns");
    if (empty_.count > 0) warn(empty_, "an empty text");
    if (!result_.records.empty()) return std::move(result_);
    throw base::FormatError(base::concat(file_, ": expected at least one example, found none",
                                         skipped_any() ? " but skipped rows" : ""));
  }

 private:
  bool skipped_any() const { return short_.count + empty_.count > 0; }

  void warn(const Skipped& skipped, std::string_view reason) {
    result_.warnings.push_back(base::concat(file_, ": skipped ", skipped.count,
                                            skipped.count == 1 ? " row" : " rows", " with ", reason,
                                            ", the first in line ", skipped.first_line));
  }

  const Task& task_;
  std::string file_;
  Records result_;
  Skipped short_;
  Skipped empty_;
};

/// Where the columns of a task are in the rows of one table.
struct ColumnPositions {
  std::size_t text = 0;
  std::optional<std::size_t> pair;
  std::size_t label = 0;
  std::size_t columns = 0;  ///< that a row needs
  bool exact = false;       ///< more are an error
};

std::size_t find_column(const Column& column, const TableRow& header, const std::string& file) {
  if (const auto* position = std::get_if<std::int64_t>(&column)) {
    if (*position != kLastColumn) return static_cast<std::size_t>(*position);
    if (!header.fields.empty()) return header.fields.size() - 1;
    throw base::InvalidArgument(base::concat(
        file, ": expected a header where the label is the last column, found a task without headers"));
  }
  const auto& name = std::get<std::string>(column);
  const auto count = std::ranges::count(header.fields, name);
  if (count != 1) {
    throw base::FormatError(base::concat(
        base::at_line(file, header.line), ": expected one ", describe(column), ", found ",
        count == 0 ? "" : base::concat(count, " in "), "the columns ", base::list(header.fields)));
  }
  return static_cast<std::size_t>(std::ranges::find(header.fields, name) - header.fields.begin());
}

void check_width(const TableRow& row, const ColumnPositions& positions, const std::string& file) {
  const std::size_t found = row.fields.size();
  if (found >= positions.columns && !(positions.exact && found > positions.columns)) return;
  throw base::FormatError(base::concat(
      base::at_line(file, row.line), ": expected ", positions.exact ? "" : "at least ", positions.columns,
      positions.exact ? " columns as in the header" : " columns", ", found ", found));
}

/// `header` is an empty row where the task's files have none.
ColumnPositions find_columns(const Task& task, const TableRow& header, const std::string& file) {
  const Columns& columns = task.columns;
  ColumnPositions positions;
  positions.text = find_column(columns.text, header, file);
  positions.label = find_column(columns.label, header, file);
  if (columns.pair) positions.pair = find_column(*columns.pair, header, file);
  positions.exact = std::holds_alternative<std::string>(columns.text);
  positions.columns = positions.exact
                          ? header.fields.size()
                          : std::max({positions.text, positions.label, positions.pair.value_or(0)}) + 1;
  if (!task.has_header || positions.exact) return positions;
  check_width(header, positions, file);
  if (std::ranges::count(task.label_values, header.fields[positions.label]) > 0) {
    throw base::FormatError(base::concat(base::at_line(file, header.line),
                                         ": expected a header, found an example labelled ",
                                         base::quote(header.fields[positions.label])));
  }
  return positions;
}

void read_table(const Task& task, const std::string& file, TableReader& reader, RecordCollector& collector) {
  TableRow header;
  if (task.has_header) {
    std::optional<TableRow> first = reader.next();
    if (!first) return;
    header = std::move(*first);
  }
  const ColumnPositions positions = find_columns(task, header, file);
  while (std::optional<TableRow> row = reader.next()) {
    if (task.skip_short_rows && row->fields.size() < positions.columns) {
      collector.skip_short_row(row->line);
      continue;
    }
    check_width(*row, positions, file);
    Record record{.line = row->line,
                  .text = std::move(row->fields[positions.text]),
                  .label = std::move(row->fields[positions.label])};
    if (positions.pair) record.pair = std::move(row->fields[*positions.pair]);
    collector.add(std::move(record));
  }
}

/// The fields of one line of JSON lines by the names of a task's columns.
class JsonRecord {
 public:
  JsonRecord(const nlohmann::json& object, const std::string& where)
      : object_(object), fields_(object, where) {}

  std::string text(const Column& column) const {
    const nlohmann::json& value = field(column);
    if (!value.is_string()) fields_.fail(std::get<std::string>(column), "a string");
    return value.get<std::string>();
  }

  std::string label(const Column& column) const {
    const nlohmann::json& value = field(column);
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
    fields_.fail(std::get<std::string>(column), "a string, a number or a boolean");
  }

 private:
  const nlohmann::json& field(const Column& column) const {
    const auto& name = std::get<std::string>(column);
    const auto found = object_.find(name);
    if (found != object_.end()) return *found;
    std::vector<std::string> names;
    for (const auto& item : object_.items()) names.push_back(item.key());
    throw base::FormatError(base::concat(fields_.where(), ": expected a field ", base::quote(name),
                                         ", found ", names.empty() ? "none" : base::list(names)));
  }

  const nlohmann::json& object_;
  base::JsonFields fields_;
};

void read_json_lines(const Task& task, const std::string& file, std::string_view content,
                     RecordCollector& collector) {
  const Columns& columns = task.columns;
  if (!std::holds_alternative<std::string>(columns.text)) {
    throw base::InvalidArgument(
        base::concat(file, ": expected a TSV or CSV file for task ", task.name, ", found JSON lines"));
  }
  LineReader lines(content);
  while (const std::optional<Line> line = lines.next()) {
    if (is_blank(line->text)) continue;
    const std::string where = base::at_line(file, line->number);
    const nlohmann::json object = base::parse_json(line->text, where);
    const JsonRecord fields(object, where);
    Record record{
        .line = line->number, .text = fields.text(columns.text), .label = fields.label(columns.label)};
    if (columns.pair) record.pair = fields.text(*columns.pair);
    collector.add(std::move(record));
  }
}

}  // namespace

Records read_records(const Task& task, const std::filesystem::path& file) {
  const FileForm form = form_of(file);
  const std::string name = file.string();
  const std::string bytes = base::read_file(file);
  check_utf8(name, bytes);
  std::string_view content = bytes;
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());

  RecordCollector collector(task, name);
  if (form == FileForm::kJsonLines) {
    read_json_lines(task, name, content, collector);
  } else if (form == FileForm::kCsv) {
    CsvReader reader(name, content);
    read_table(task, name, reader, collector);
  } else {
    TsvReader reader(content);
    read_table(task, name, reader, collector);
  }
  return collector.finish();
}

}  // namespace kdqat::data
