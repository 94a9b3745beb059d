#include "kdqat/data/table_reader.h"

#include <algorithm>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/base/message.h"

namespace kdqat::data {

std::optional<Line> LineReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty()) return Line{.number = number_, .text = text};
  }
  return std::nullopt;
}

std::optional<TableRow> TsvReader::next() {
  const std::optional<Line> line = lines_.next();
  if (!line) return std::nullopt;
  TableRow row{.line = line->number};
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = line->text.find('\t', begin);
    row.fields.emplace_back(line->text.substr(begin, end - begin));
    if (end == std::string_view::npos) return row;
    begin = end + 1;
  }
}

std::optional<TableRow> CsvReader::next() {
  while (!at_end() && skip_line_end()) {
  }
  if (at_end()) return std::nullopt;
  TableRow row{.line = line_};
  do {
    row.fields.push_back(read_field());
  } while (skip(","));
  if (!at_end() && !skip_line_end()) {
    throw base::FormatError(
        base::concat(base::at_line(file_, line_),
                     ": expected a comma or the end of the line after a closing quote, found ",
                     base::quote(content_.substr(position_, 1))));
  }
  return row;
}

std::string CsvReader::read_field() {
  return content_.substr(position_).starts_with('"') ? read_quoted_field() : read_plain_field();
}

std::string CsvReader::read_plain_field() {
  const std::size_t end = std::min(content_.find_first_of(",\"\n", position_), content_.size());
  if (end < content_.size() && content_[end] == '"') {
    throw base::FormatError(base::concat(base::at_line(file_, line_),
                                         ": expected quotes around the whole field that holds one, found ",
                                         base::quote(content_.substr(position_, end + 1 - position_))));
  }
  std::string_view field = content_.substr(position_, end - position_);
  const bool ends_line = end == content_.size() || content_[end] == '\n';
  if (ends_line && field.ends_with('\r')) field.remove_suffix(1);
  position_ += field.size();
  return std::string(field);
}

std::string CsvReader::read_quoted_field() {
  const std::int64_t first_line = line_;
  std::string field;
  ++position_;
  for (;;) {
    const std::size_t quote = content_.find('"', position_);
    if (quote == std::string_view::npos) {
      throw base::FormatError(base::concat(base::at_line(file_, first_line),
                                           ": expected a closing quote, found the end of the file"));
    }
    const std::string_view piece = content_.substr(position_, quote - position_);
    field += piece;
    line_ += std::ranges::count(piece, '\n');
    position_ = quote + 1;
    if (!skip("\"")) return field;
    field += '"';
  }
}

bool CsvReader::skip(std::string_view expected) {
  if (!content_.substr(position_).starts_with(expected)) return false;
  position_ += expected.size();
  return true;
}

bool CsvReader::skip_line_end() {
  const bool last_carriage_return = content_.substr(position_) == "\r";
  if (!skip("\n") && !skip("\r\n") && !(last_carriage_return && skip("\r"))) return false;
  ++line_;
  return true;
}

}  // namespace kdqat::data
