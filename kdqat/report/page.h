#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

// One HTML file:
//
//   Page page("Run 42");
//   page.add_section("Result");
//   page.add_facts({{.label = "Best score", .value = "0.869", .note = "at step 600"}});
//   base::write_file_atomically("report.html", page.html());

namespace kdqat::report {

/// One highlighted value, such as "Best score: 0.869, at step 600".
struct Fact {
  std::string label;
  std::string value;
  std::string note;  ///< small text below the value; may be empty
};

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
};

/// A chart: a specification of Vega 5 with a caption.
///
/// The page sets the specification's width and colours; leave out "width" and "$schema". For colours that fit
/// a light and a dark page, use
/// - the range "category": first the text's colour, then seven that colour-blind people can tell apart;
/// - the range "diverging": three colours, the middle one neutral; the range "ramp";
/// - the signals "foreground", "background" and "accent".
///
/// The signal "page_width" is the width of the figure in pixels, axes included. The pointer shows the value
/// of the signal "tooltip", or the "tooltip" of a mark: a text or
/// {"title": text, "rows": [{"name": text, "text": text, "colour": text or missing}]}.
struct Figure {
  nlohmann::json specification;
  std::string caption;
  bool half_width = false;  ///< two side by side if the page is wide enough
};

/// A page of text, tables and charts in one HTML file. It needs no network and no other file.
///
/// Parts that are added before the first section stand under the page's title. Text is shown as it is; markup
/// in it has no effect. A reader can save figures as SVG and PNG.
class Page {
 public:
  explicit Page(std::string title);

  void add_section(std::string_view title);
  void add_text(std::string_view paragraph);
  void add_facts(const std::vector<Fact>& facts);

  /// Columns of numbers are right-aligned. Throws InvalidArgument if a row is not as long as the header.
  void add_table(const Table& table);

  /// A table of names and values. Members of a nested object have names with dots: "objective.gamma". Throws
  /// InvalidArgument unless `values` is an object.
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

/// Replaces the characters with a meaning in HTML (& < > " ') by references.
std::string escape_html(std::string_view text);

}  // namespace kdqat::report
