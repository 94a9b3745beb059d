#include "kdqat/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/report/assets.h"

namespace kdqat::report {
namespace {

using base::InvalidArgument;
using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

constexpr const char* kMarkup = "<b onload=\"x\">&'</b></script>";
constexpr const char* kEscaped = "&lt;b onload=&quot;x&quot;&gt;&amp;&#39;&lt;/b&gt;&lt;/script&gt;";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

/// A page of everything there is, with every text given by the caller.
std::string page_of(const std::string& text) {
  Page page(text);
  page.add_section(text);
  page.add_text(text);
  page.add_facts({{text, text, text}});
  page.add_table({{text}, {{text}}});
  page.add_values({{text, {{text, text}}}});
  page.add_figure({{{"title", text}}, text});
  return page.html();
}

/// The page without its scripts.
std::string markup(const std::string& html) {
  std::string rest;
  std::size_t from = 0;
  for (std::size_t at = html.find("<script"); at != std::string::npos; at = html.find("<script", from)) {
    rest += html.substr(from, at - from);
    from = html.find("</script>", at) + 9;
  }
  return rest + html.substr(from);
}

TEST(PageTest, EveryTextIsEscaped) {
  const std::string html = page_of(kMarkup);
  EXPECT_THAT(html, Not(HasSubstr("<b ")));
  // Title and heading; section, paragraph; fact; header and cell; caption; name (twice in one cell) and
  // value.
  EXPECT_EQ(count(html, kEscaped), 2U + 2U + 3U + 2U + 1U + 3U);
}

TEST(PageTest, DataCannotEndItsScriptElement) {
  const std::string html = page_of("</script><!--<script>");
  const std::size_t begin = html.find("<script type=\"application/json\">");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t data = html.find('>', begin) + 1;
  const std::string text = html.substr(data, html.find('<', data) - data);
  EXPECT_EQ(json::parse(text), json({{"title", "</script><!--<script>"}}));
  // The figure's data, the library and the page's script: as many ends as beginnings.
  EXPECT_EQ(count(html, "<script"), 3U);
  EXPECT_EQ(count(html, "</script"), 3U);
}

TEST(PageTest, NothingInItIsFetched) {
  const std::string html = page_of("text");
  EXPECT_THAT(
      html, Not(ContainsRegex("<(script|img|iframe|link)[^>]* (src|href)=\"[^d]")));  // "data:," is its icon
  EXPECT_THAT(markup(html), Not(HasSubstr("http:")));
  EXPECT_THAT(markup(html), Not(HasSubstr("https:")));
  EXPECT_THAT(std::string(kStyle), Not(ContainsRegex("url\\(|@import")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_THAT(html, Not(HasSubstr("connect-src")));
}

TEST(PageTest, CarriesTheLicenceOfWhatItContains) {
  const std::string html = page_of("text");
  EXPECT_THAT(html, HasSubstr("Copyright (c) 2015-2021, University of Washington Interactive Data Lab"));
  EXPECT_THAT(html, HasSubstr("Mike Bostock"));
  EXPECT_LT(html.find("University of Washington"), html.find("self.vega ="));
}

TEST(PageTest, WithoutFiguresThereIsNoScript) {
  Page page("plain");
  page.add_text("text");
  EXPECT_THAT(page.html(), Not(HasSubstr("<script")));
}

TEST(PageTest, ManySectionsGetATableOfContents) {
  Page page("long");
  for (const char* title : {"One", "Two", "Three"}) page.add_section(title);
  EXPECT_THAT(page.html(), Not(HasSubstr("<nav")));
  page.add_section("Four & more");
  EXPECT_THAT(page.html(), HasSubstr("<a href=\"#section-4\">Four &amp; more</a>"));
  EXPECT_THAT(page.html(), HasSubstr("<section id=\"section-4\">"));
}

TEST(PageTest, ColumnsOfNumbersAreAlignedToTheRight) {
  Page page("table");
  page.add_table(
      {{"name", "count", "share", "mixed"}, {{"a", "1,234", "25.0 %", "1"}, {"b", "", "-1e-05", "one"}}});
  const std::string html = page.html();
  EXPECT_THAT(
      html,
      HasSubstr("<tr><td>a</td><td class=\"number\">1,234</td><td class=\"number\">25.0 %</td><td>1</td>"));
  EXPECT_THAT(html, HasSubstr("<th>name</th><th class=\"number\">count</th>"));
}

TEST(PageTest, ValuesOfObjectsWithinAreNamedWithDots) {
  Page page("values");
  page.add_values(
      json::parse(R"({"objective": {"gamma": 0.5, "of": {"name": "map"}}, "layers": [0, 5], "none": {}})"));
  const std::string html = page.html();
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">objective.gamma</th><td>0.5</td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">objective.of.name</th><td>map</td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">layers</th><td>[0,5]</td>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">none</th><td>{}</td>"));
}

TEST(PageTest, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(escape_html("a\xff\x62"), "a\xEF\xBF\xBD\x62");
  EXPECT_THAT(page_of("\xff"), Not(HasSubstr("\xff")));
}

TEST(PageTest, RejectsWhatDoesNotFit) {
  Page page("errors");
  EXPECT_THAT(
      [&] {
        page.add_table({{"a", "b"}, {{"1", "2"}, {"3"}}});
      },
      ThrowsMessage<InvalidArgument>(HasSubstr("row 1 of a table: expected 2 cells, found 1")));
  EXPECT_THAT([&] { page.add_values(json::array()); },
              ThrowsMessage<InvalidArgument>(HasSubstr("values of a page: expected an object, found array")));
  EXPECT_THAT(
      [&] {
        page.add_figure({"text", ""});
      },
      ThrowsMessage<InvalidArgument>(HasSubstr("a figure: expected an object, found string")));
}

}  // namespace
}  // namespace kdqat::report
