#include "kdqat/report/analysis_pages.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kdqat/base/error.h"
#include "kdqat/report/analysis_figures.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using base::concat;
using nlohmann::json;

double mean_of(const json& values) {
  const std::vector<double> numbers = values_of(values);
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

std::string sentences_note(const json& document) {
  return concat("the mean over ", document.at("sentences").get<std::int64_t>(), " sentences");
}

void add_distance(const json& document, const std::string& key, const std::string& name,
                  const std::string& caption, Page& page) {
  LineChart chart = chart_of_heads(document, name);
  for (const std::string& student : student_names(document)) {
    chart.series.push_back({.name = student, .points = points_of(document["students"][student].at(key))});
  }
  page.add_figure({line_chart(chart), caption});
}

void add_distance_table(const json& document, Page& page) {
  Table table{{"Student", "Cover length ratio", "Spread", "Ranking loss", "Spread"}, {}};
  for (const std::string& student : student_names(document)) {
    const json& result = document["students"][student];
    const auto cell = [&](const char* key) { return significant(mean_of(result.at(key)), 4); };
    table.rows.push_back({student, cell("cover_length_ratio"), cell("cover_length_ratio_deviation"),
                          cell("ranking_loss"), cell("ranking_loss_deviation")});
  }
  page.add_table(table);
}

/// The head whose ranking loss is the greatest of any student's: where there is most to see.
std::size_t most_distant_head(const json& document) {
  std::size_t place = 0;
  double most = -1.0;
  for (const std::string& student : student_names(document)) {
    const std::vector<double> losses = values_of(document["students"][student].at("ranking_loss"));
    const auto found = std::max_element(losses.begin(), losses.end());
    if (found == losses.end() || *found <= most) continue;
    most = *found;
    place = static_cast<std::size_t>(found - losses.begin());
  }
  return place;
}

void append_maps(const std::string& panel, const json& layers, HeatMap& map) {
  constexpr double kUnit = 1e-4;  // of the document's values
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    for (std::size_t head = 0; head < layers[layer].size(); ++head) {
      std::vector<double> values = values_of(layers[layer][head]);
      for (double& value : values) value *= kUnit;
      map.matrices.push_back({.panel = panel,
                              .values = std::move(values),
                              .layer = static_cast<int>(layer),
                              .head = static_cast<int>(head)});
    }
  }
}

void add_maps(const json& document, const json& sentence, Page& page) {
  const auto heads = document.at("heads").get<int>();
  const auto place = static_cast<int>(most_distant_head(document));
  HeatMap map{.x_title = "key",
              .y_title = "query",
              .value_title = "probability",
              .row_labels = sentence.at("tokens"),
              .column_labels = sentence.at("tokens"),
              .layers = document.at("layers").get<int>(),
              .heads = heads,
              .layer = place / heads,
              .head = place % heads,
              .upright_labels = false};
  append_maps("teacher", sentence.at("teacher"), map);
  for (const auto& [name, layers] : sentence.at("students").items()) append_maps(name, layers, map);
  page.add_figure(
      {heat_map(map),
       "Attention maps of one head on one sentence, the teacher's beside the students'. The sliders "
       "choose layer and head, at first the one that is furthest from the teacher."});
}

/// Two lines of one colour: the least and the greatest value by token.
void append_range(const std::string& name, const json& range, std::size_t layer, LineChart& chart) {
  chart.series.push_back({.name = name, .points = points_of(range.at("max")[layer]), .variant = "max"});
  chart.series.push_back({.name = name, .points = points_of(range.at("min")[layer]), .variant = "min"});
}

void add_range(const json& document, const std::string& signal, Page& page) {
  const json& sentence = document.at("results")[0];
  const json& layers = document.at("chosen_layers");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    LineChart chart{.title = concat(signal, ", layer ", layers[i].get<int>()),
                    .y_title = "min, max",
                    .points = true,
                    .whole_numbers = true,
                    .x_labels = sentence.at("tokens"),
                    .link = "tokens",
                    .height = 160};
    append_range("teacher", sentence.at("teacher").at(signal), i, chart);
    for (const auto& [name, result] : sentence.at("students").items()) {
      append_range(name, result.at(signal), i, chart);
    }
    page.add_figure(
        {line_chart(chart),
         concat("Least and greatest value of each token's ", signal, " over the hidden dimension."), true});
  }
}

void add_class_differences(const json& document, const std::string& key, const std::string& what,
                           Page& page) {
  const json& classes = document.at("token_classes");
  for (std::size_t c = 0; c < classes.size(); ++c) {
    // Rows of a map sum to 1, so that the mean over all keys is the same in every model.
    if (key == "map" && classes[c] == "all") continue;
    LineChart chart{.title = concat(what, ", ", classes[c].get<std::string>()),
                    .x_title = "layer",
                    .y_title = "|teacher - student|",
                    .from_zero = true,
                    .points = true,
                    .whole_numbers = true,
                    .colour_names = model_names(document),
                    .link = "layers",
                    .height = 130};
    for (const std::string& student : student_names(document)) {
      Series series{.name = student};
      const json& means = document["students"][student].at(key).at("mean");
      for (std::size_t layer = 0; layer * classes.size() + c < means.size(); ++layer) {
        const json& mean = means[layer * classes.size() + c];
        if (!mean.is_null()) series.points.push_back({static_cast<double>(layer), mean.get<double>()});
      }
      if (!series.points.empty()) chart.series.push_back(std::move(series));
    }
    if (chart.series.empty()) continue;
    page.add_figure({line_chart(chart),
                     concat("Difference of the means of ", what, " at keys of class ",
                            classes[c].get<std::string>(), "."),
                     true});
  }
}

void add_errors(const json& document, Page& page) {
  for (const std::string& student : student_names(document)) {
    LineChart chart{.title = student,
                    .x_title = "layer",
                    .y_title = "relative error",
                    .from_zero = true,
                    .points = true,
                    .whole_numbers = true,
                    .link = "layers",
                    .height = 180};
    for (const char* source : {"total", "inherited", "weights", "activations"}) {
      const json& error = document["students"][student].at("quantization_error").at(source);
      chart.series.push_back({.name = source, .points = points_of(error.at("mean"))});
    }
    page.add_figure(
        {line_chart(chart),
         concat("Error of each layer's output in ", student, ", against itself without quantization."),
         true});
  }
}

void add_similarity(const json& document, Page& page) {
  const std::size_t states = document.at("layers").get<std::size_t>() + 1;
  HeatMap map{.x_title = "student's hidden state",
              .y_title = "teacher's",
              .value_title = "CKA",
              .row_labels = number_labels(states),
              .column_labels = number_labels(states)};
  LineChart same{
      .x_title = "hidden state", .y_title = "CKA", .points = true, .whole_numbers = true, .height = 180};
  for (const std::string& student : student_names(document)) {
    Matrix matrix{.panel = student};
    Series diagonal{.name = student};
    const json& rows = document["students"][student].at("cka");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::vector<double> row = values_of(rows[i]);
      matrix.values.insert(matrix.values.end(), row.begin(), row.end());
      diagonal.points.push_back({static_cast<double>(i), row[i]});
    }
    map.matrices.push_back(std::move(matrix));
    same.series.push_back(std::move(diagonal));
  }
  page.add_figure({line_chart(same),
                   "Similarity (linear CKA) of the same hidden state in teacher and student; 0 is the "
                   "embeddings' output."});
  page.add_figure({heat_map(map), "Similarity of every hidden state with every other."});
}

/// Layer by layer a matrix of heads by recorded step.
void add_ranking_by_step(const std::string& student, const std::string& token, const json& training,
                         int layers, int heads, Page& page) {
  HeatMap map{.x_title = "head",
              .y_title = "step",
              .value_title = "rank / length",
              .column_labels = number_labels(static_cast<std::size_t>(heads)),
              .layers = layers};
  for (const json& step : training.at("steps")) map.row_labels.push_back(step.dump());
  for (int layer = 0; layer < layers; ++layer) {
    Matrix matrix{.panel = student, .layer = layer};
    for (const json& of_step : training.at("tokens").at(token)) {
      const std::vector<double> ratios = values_of(of_step);
      const auto first = ratios.begin() + std::ptrdiff_t{layer} * heads;
      matrix.values.insert(matrix.values.end(), first, first + heads);
    }
    map.matrices.push_back(std::move(matrix));
  }
  page.add_figure(
      {heat_map(map),
       concat("Rank of ", token, " over the training of ", student, ", head by head; the mean over ",
              training.at("sentences").get<std::int64_t>(), " sentences. The slider chooses the layer.")});
}

void add_ranking_by_steps(const json& document, Page& page) {
  for (const auto& [student, result] : document.at("students").items()) {
    if (!result.contains("training")) continue;
    const json& training = result.at("training");
    for (const auto& [token, ratios] : training.at("tokens").items()) {
      add_ranking_by_step(student, token, training, document.at("layers").get<int>(),
                          document.at("heads").get<int>(), page);
    }
  }
}

}  // namespace

void show_attention(const json& document, Page& page) {
  page.add_section("Attention maps: what self-attention generates");
  add_distance_table(document, page);
  add_distance(document, "cover_length_ratio", "cover length ratio",
               concat("How far down the student's row the teacher's ", document.at("top_k").get<int>(),
                      " most attended tokens reach, as a share of its length; ", sentences_note(document),
                      ". Less is closer to the teacher."),
               page);
  add_distance(document, "ranking_loss", "ranking loss",
               concat("How much probability is out of the teacher's order; ", sentences_note(document), "."),
               page);
  if (!document.contains("maps")) return;
  for (const json& sentence : document.at("maps")) add_maps(document, sentence, page);
}

void show_range(const json& document, Page& page) {
  page.add_section("Dynamic range");
  page.add_text("Of the first sentence; range.json has all.");
  // In the order of figure 5 of arXiv:2211.11014.
  for (const char* signal : {"attention_output", "sa_output", "context"}) add_range(document, signal, page);
}

void show_norms(const json& document, Page& page) {
  if (student_names(document).empty()) return;
  page.add_section("Norms: generation and propagation");
  page.add_text(concat(
      "How far a student's means are from its teacher's, by class of the key token: of the map a, which "
      "self-attention generates, of ||f(x)||, which it propagates, and of what both come to; ",
      sentences_note(document), "."));
  add_class_differences(document, "map", "a", page);
  add_class_differences(document, "f_x", "||f(x)||", page);
  add_class_differences(document, "summed_alpha_f_x", "||sum a f(x)||", page);
  for (const auto& [key, what] :
       {std::pair("f_x_by_head", "||f(x)||"), {"alpha_f_x_by_head", "||a f(x)||"}}) {
    page.add_figure({heat_map(map_of_heads(document, concat("difference of ", what),
                                           [&, by = key](const json& result) -> const json& {
                                             return result.at(by).at("mean");
                                           })),
                     concat("Difference of the means of ", what, " head by head.")});
  }
}

void show_ranking(const json& document, Page& page) {
  page.add_section("Ranks of chosen tokens");
  for (const json& token : document.at("tokens")) {
    const auto name = token.get<std::string>();
    LineChart chart = chart_of_heads(document, "rank / length");
    chart.title = name;
    const auto append = [&](const std::string& model, const json& result) {
      std::vector<Point> points = points_of(result.at(name).at("mean"));
      if (!points.empty()) chart.series.push_back({.name = model, .points = std::move(points)});
    };
    append("teacher", document.at("teacher"));
    for (const auto& [student, result] : document.at("students").items()) append(student, result);
    if (chart.series.empty()) {
      page.add_text(concat("No sentence has the token ", name, "."));
      continue;
    }
    page.add_figure({line_chart(chart),
                     concat("Rank of ", name,
                            " in the rows of each head's map, from the largest, divided by the "
                            "length; ",
                            sentences_note(document), "."),
                     false});
  }
  add_ranking_by_steps(document, page);
}

void show_layers(const json& document, Page& page) {
  page.add_section("Error and similarity layer by layer");
  add_errors(document, page);
  add_similarity(document, page);
}

}  // namespace kdqat::report
