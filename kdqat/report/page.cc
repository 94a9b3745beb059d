#include "kdqat/report/page.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/report/assets.h"

namespace kdqat::report {
namespace {

using base::concat;
using base::InvalidArgument;

constexpr std::size_t kContentsFrom = 4;  // fewer sections are in sight without a table of contents

bool is_number(std::string_view cell) {
  std::string digits(cell);
  std::erase(digits, ',');
  double number = 0.0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && (stop == end || std::string_view(stop, end) == " %");
}

/// Whether a column's cells are all numbers, the empty ones aside.
std::vector<bool> number_columns(const Table& table) {
  std::vector<bool> numbers(table.header.size(), true);
  for (const std::vector<std::string>& row : table.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (!row[column].empty() && !is_number(row[column])) numbers[column] = false;
    }
  }
  return numbers;
}

std::string table_row(const std::vector<std::string>& cells, const std::vector<bool>& numbers,
                      std::string_view tag) {
  std::string row = "<tr>";
  for (std::size_t column = 0; column < cells.size(); ++column) {
    row += concat('<', tag, numbers[column] ? " class=\"number\">" : ">", escape_html(cells[column]), "</",
                  tag, '>');
  }
  return row + "</tr>\n";
}

std::string value_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void flatten(const nlohmann::json& object, const std::string& prefix,
             std::vector<std::vector<std::string>>& rows) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object() && !value.empty()) {
      flatten(value, prefix + key + '.', rows);
    } else {
      rows.push_back({prefix + key, value_text(value)});
    }
  }
}

/// JSON that may stand in a script element, where "</script" would end it and "<!--" begin a comment.
std::string script_json(const nlohmann::json& value) {
  const std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

/// Well-formed UTF-8: the JSON library's writer replaces the bytes that are not.
std::string valid_utf8(std::string_view text) {
  const nlohmann::json value = std::string(text);
  return nlohmann::json::parse(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      .get<std::string>();
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

Page::Page(std::string title) : title_(std::move(title)) {}

void Page::add_section(std::string_view title) {
  sections_.emplace_back(title);
  body_ += concat("</section>\n<section id=\"section-", sections_.size(), "\">\n<h2>", escape_html(title),
                  "</h2>\n");
}

void Page::add_text(std::string_view paragraph) { body_ += concat("<p>", escape_html(paragraph), "</p>\n"); }

void Page::add_facts(const std::vector<Fact>& facts) {
  body_ += "<dl class=\"facts\">\n";
  for (const Fact& fact : facts) {
    body_ += concat("<div><dt>", escape_html(fact.label), "</dt><dd>", escape_html(fact.value), "</dd>");
    if (!fact.note.empty()) body_ += concat("<dd class=\"note\">", escape_html(fact.note), "</dd>");
    body_ += "</div>\n";
  }
  body_ += "</dl>\n";
}

void Page::add_table(const Table& table) {
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    if (table.rows[row].size() != table.header.size()) {
      throw InvalidArgument(concat("row ", row, " of a table: expected ", table.header.size(),
                                   " cells, found ", table.rows[row].size()));
    }
  }
  const std::vector<bool> numbers = number_columns(table);
  body_ += concat("<div class=\"table\"><table>\n<thead>", table_row(table.header, numbers, "th"),
                  "</thead>\n<tbody>\n");
  for (const std::vector<std::string>& row : table.rows) body_ += table_row(row, numbers, "td");
  body_ += "</tbody></table></div>\n";
}

void Page::add_values(const nlohmann::json& values) {
  if (!values.is_object()) {
    throw InvalidArgument(concat("values of a page: expected an object, found ", values.type_name()));
  }
  std::vector<std::vector<std::string>> rows;
  flatten(values, "", rows);
  body_ += "<div class=\"table\"><table class=\"values\"><tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    body_ += concat("<tr><th scope=\"row\">", escape_html(row[0]), "</th><td>", escape_html(row[1]),
                    "</td></tr>\n");
  }
  body_ += "</tbody></table></div>\n";
}

void Page::add_figure(const Figure& figure) {
  if (!figure.specification.is_object()) {
    throw InvalidArgument(
        concat("specification of a figure: expected an object, found ", figure.specification.type_name()));
  }
  has_figures_ = true;
  body_ += concat("<figure", figure.half_width ? " class=\"half\"" : "", ">\n<div class=\"chart\"></div>\n",
                  "<script type=\"application/json\">", script_json(figure.specification), "</script>\n",
                  "<figcaption><span>", escape_html(figure.caption), "</span></figcaption>\n</figure>\n");
}

std::string Page::contents() const {
  if (sections_.size() < kContentsFrom) return "";
  std::string list = "<nav aria-label=\"Contents\"><ul>\n";
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    list += concat("<li><a href=\"#section-", i + 1, "\">", escape_html(sections_[i]), "</a></li>\n");
  }
  return list + "</ul></nav>\n";
}

std::string Page::html() const {
  // The policy lets a browser run and show what the page holds, and fetch nothing. Vega compiles its
  // expressions, hence unsafe-eval; an image is what a figure is saved as.
  std::string page = concat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline' 'unsafe-eval'; img-src data:\">\n",
      "<link rel=\"icon\" href=\"data:,\">\n<title>", escape_html(title_), "</title>\n<style>\n", kStyle,
      "</style>\n</head>\n<body>\n<main>\n<h1>", escape_html(title_), "</h1>\n", contents(), "<section>\n",
      body_, "</section>\n</main>\n");
  if (has_figures_) {
    page += concat("<noscript><p>The figures of this page need JavaScript.</p></noscript>\n<script>\n/*!\n",
                   kChartLicence, "*/\n", kChartLibrary, "</script>\n<script>\n", kScript, "</script>\n");
  }
  return page + "</body>\n</html>\n";
}

}  // namespace kdqat::report
