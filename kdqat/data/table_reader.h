#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Rows of text files:
//
//   CsvReader reader("train.csv", content);
//   while (const std::optional<TableRow> row = reader.next()) use(row->line, row->fields);

namespace kdqat::data {

struct Line {
  std::int64_t number = 0;  ///< from 1
  std::string_view text;    ///< without its end, LF or CRLF
};

/// The non-empty lines of a text, one after the other.
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

/// The rows of a text with separated fields, one after the other. Blank lines are skipped.
class TableReader {
 public:
  virtual ~TableReader() = default;

  /// Nothing at the end of the text.
  virtual std::optional<TableRow> next() = 0;
};

/// Fields separated by tabs, without quoting.
class TsvReader : public TableReader {
 public:
  explicit TsvReader(std::string_view content) : lines_(content) {}
  std::optional<TableRow> next() override;

 private:
  LineReader lines_;
};

/// RFC 4180: fields separated by commas. A field in quotes may have commas, line ends and doubled quotes.
class CsvReader : public TableReader {
 public:
  /// `file` is the name of the text in errors.
  CsvReader(std::string file, std::string_view content) : file_(std::move(file)), content_(content) {}

  /// Throws FormatError for a quote that is not closed, for a quote in a field that does not begin with one,
  /// and for anything but a comma or the end of the line after a closing quote.
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
