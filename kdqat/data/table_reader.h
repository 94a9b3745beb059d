#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::data {

struct Line {
  std::int64_t number = 0;  ///< from 1
  std::string_view text;    ///< without its end, LF or CRLF
};

/// The lines of a text that are not empty, one after the other.
class LineReader {
 public:
  explicit LineReader(std::string_view content) : rest_(content) {}

  /// Nothing at the end of the text.
  std::optional<Line> next();

 private:
  std::string_view rest_;
  std::int64_t number_ = 0;
};

struct TableRow {
  std::int64_t line = 0;  ///< where the row begins, from 1
  std::vector<std::string> fields = {};
};

/// The rows of a text with separated fields, one after the other; blank lines are none.
class TableReader {
 public:
  virtual ~TableReader() = default;

  /// Nothing at the end of the text.
  virtual std::optional<TableRow> next() = 0;
};

/// Tabs and lines, no quoting.
class TsvReader : public TableReader {
 public:
  explicit TsvReader(std::string_view content) : lines_(content) {}
  std::optional<TableRow> next() override;

 private:
  LineReader lines_;
};

/// RFC 4180: commas, fields in quotes that may hold commas, line ends and doubled quotes.
class CsvReader : public TableReader {
 public:
  /// `file` names the text in errors.
  CsvReader(std::string file, std::string_view content) : file_(std::move(file)), content_(content) {}

  /// Throws FormatError for a quote that is not closed, a quote within a field that does not begin with one,
  /// and anything but a comma or the end of the line after a closing quote.
  std::optional<TableRow> next() override;

 private:
  std::string read_field();
  std::string read_plain_field();
  std::string read_quoted_field();
  bool skip(std::string_view expected);
  bool skip_line_end();
  bool at_end() const { return position_ == content_.size(); }

  std::string file_;
  std::string_view content_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace kdqat::data
