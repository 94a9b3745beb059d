#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace kdqat::report {

/// One short value that stands out, as "Best score: 0.869, at step 600".
struct Fact {
  std::string label;
  std::string value;
  std::string note;  ///< small, below the value; may be empty
};

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
};

/// A chart: a specification of Vega 5 and the words under it.
///
/// The page sets the specification's width and its colours; leave out "width" and "$schema". For colours that
/// fit the page, light or dark, take the ranges "category" (first the text's colour, then seven that
/// colour-blind people can tell apart), "diverging" (three, the middle one neutral) and "ramp", and the
/// signals "foreground", "background" and "accent". The signal "page_width" is the pixels that the figure may
/// take, axes included.
///
/// What the pointer shows is the value of the signal "tooltip" or the "tooltip" of a mark: a text or
/// {"title": text, "rows": [{"name": text, "text": text, "colour": text or missing}]}.
struct Figure {
  nlohmann::json specification;
  std::string caption;
  bool half_width = false;  ///< two beside each other where the page is wide enough
};

/// A page of text, tables and charts in one HTML file that needs nothing else: no network, no other file.
///
/// What is added before the first section stands under the page's title. Every text is shown as it is: markup
/// in it has no effect. Figures can be saved from the page as SVG and PNG.
class Page {
 public:
  explicit Page(std::string title);

  void add_section(std::string_view title);
  void add_text(std::string_view paragraph);
  void add_facts(const std::vector<Fact>& facts);

  /// Columns of numbers are aligned to the right. Throws InvalidArgument if a row is not as long as the
  /// header.
  void add_table(const Table& table);

  /// Two columns, name and value; members of an object within are named with dots: "objective.gamma".
  /// Throws InvalidArgument unless `values` is an object.
  void add_values(const nlohmann::json& values);

  /// Throws InvalidArgument unless the specification is an object.
  void add_figure(const Figure& figure);

  /// The whole file, UTF-8. Bytes that are not UTF-8 show as U+FFFD.
  std::string html() const;

 private:
  std::string contents() const;

  std::string title_;
  std::vector<std::string> sections_;
  std::string body_;
  bool has_figures_ = false;
};

/// The text with the characters that mean something in HTML (& < > " ') written as references.
std::string escape_html(std::string_view text);

}  // namespace kdqat::report
