#include <algorithm>
#include <cmath>
#include <numbers>

#include "kdqat/base/error.h"
#include "kdqat/report/analysis_figures.h"
#include "kdqat/report/analysis_pages.h"
#include "kdqat/report/density.h"
#include "kdqat/report/numbers.h"

namespace kdqat::report {
namespace {

using base::concat;
using nlohmann::json;

constexpr std::size_t kDensityPoints = 300;

/// The models of a document, the teacher first where it is there.
std::vector<std::pair<std::string, const json*>> models_of(const json& document) {
  std::vector<std::pair<std::string, const json*>> models;
  if (document.contains("teacher")) models.emplace_back("teacher", &document.at("teacher"));
  for (const std::string& name : student_names(document)) {
    models.emplace_back(name, &document.at("students").at(name));
  }
  return models;
}

std::vector<double> spectrum_values(const json& model) {
  std::vector<double> values;
  for (const json& sentence : model.at("spectrum")) {
    for (const json& value : sentence.at("eigenvalues")) values.push_back(value.get<double>());
  }
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<double> grid(double least, double greatest) {
  const double margin = 0.05 * (greatest - least) + 1e-12;
  std::vector<double> places;
  for (std::size_t i = 0; i < kDensityPoints; ++i) {
    const double share = static_cast<double>(i) / (kDensityPoints - 1);
    places.push_back(least - margin + share * (greatest - least + 2 * margin));
  }
  return places;
}

/// Silverman's rule of thumb, with the middle half's width where that is less than the deviation says.
double bandwidth(const std::vector<double>& sorted) {
  const auto count = static_cast<double>(sorted.size());
  double mean = 0.0;
  for (const double value : sorted) mean += value / count;
  double squares = 0.0;
  for (const double value : sorted) squares += (value - mean) * (value - mean) / count;
  const double middle = (sorted[sorted.size() * 3 / 4] - sorted[sorted.size() / 4]) / 1.34;
  const double deviation = std::sqrt(squares);
  return 0.9 * (middle > 0.0 ? std::min(middle, deviation) : deviation) * std::pow(count, -0.2);
}

std::vector<Point> curve(const std::vector<double>& places, const std::vector<double>& density) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < places.size(); ++i) points.push_back({places[i], density[i]});
  return points;
}

void add_table(const json& document, Page& page) {
  Table table{{"Model", "Loss", "Largest", "Smallest", "Trace", "+-", "Median of sentences", "Negative ones"},
              {}};
  const auto cell = [](double value) { return significant(value, 4); };
  for (const auto& [name, model] : models_of(document)) {
    const std::vector<double> values = spectrum_values(*model);
    const auto negative = std::count_if(values.begin(), values.end(), [](double value) { return value < 0; });
    const double share = 100.0 * static_cast<double>(negative) / static_cast<double>(values.size());
    table.rows.push_back({name, cell(model->at("loss")), cell(model->at("largest")[0]),
                          cell(model->at("smallest")[0]), cell(model->at("trace")),
                          cell(model->at("trace_standard_error")), cell(values[values.size() / 2]),
                          fixed(share, 1) + " %"});
  }
  page.add_table(table);
}

void add_spectrum(const json& document, Page& page) {
  LineChart chart{.x_title = "eigenvalue", .y_title = "density", .from_zero = true, .x_format = ",.4~r"};
  double least = 0.0;
  double greatest = 0.0;
  for (const auto& [name, model] : models_of(document)) {
    const std::vector<double> values = spectrum_values(*model);
    least = std::min(least, values.front());
    greatest = std::max(greatest, values.back());
  }
  const std::vector<double> places = grid(least, greatest);
  const double finest = (places[1] - places[0]) * 2;  // a line of points can't show less
  for (const auto& [name, model] : models_of(document)) {
    const std::vector<double> values = spectrum_values(*model);
    const std::vector<double> weights(values.size(), 1.0 / static_cast<double>(values.size()));
    chart.series.push_back(
        {.name = name,
         .points = curve(places, spectral_density({{.values = values, .weights = weights}}, places,
                                                  std::max(bandwidth(values), finest)))});
  }
  page.add_figure(
      {line_chart(chart),
       concat(
           "Eigenvalues of greatest magnitude, three a sentence, each sentence a batch of its own: how often "
           "they occur, positive and negative. With the norm term, as the paper has it, a small parameter "
           "tensor w adds eigenvalues 0.01 / |w| that are the same in every sentence.")});
}

void add_density(const json& document, Page& page) {
  LineChart chart{.x_title = "eigenvalue", .y_title = "density", .logarithmic = true, .x_format = ",.4~r"};
  constexpr double kLeastDensity = 1e-9;
  double least = 0.0;
  double greatest = 0.0;
  for (const auto& [name, model] : models_of(document)) {
    least = std::min(least, model->at("smallest")[0].get<double>());
    greatest = std::max(greatest, model->at("largest")[0].get<double>());
  }
  const std::vector<double> places = grid(least, greatest);
  const double width = (greatest - least) / 100;
  for (const auto& [name, model] : models_of(document)) {
    std::vector<WeightedValues> runs;
    for (const json& run : model->at("density")) {
      runs.push_back({.values = run.at("values"), .weights = run.at("weights")});
    }
    std::vector<double> density = spectral_density(runs, places, width);
    for (double& value : density) value = std::max(value, kLeastDensity);
    chart.series.push_back({.name = name, .points = curve(places, density)});
  }
  page.add_figure(
      {line_chart(chart),
       concat("Density of all eigenvalues on a batch of ", document.at("sentences").get<std::int64_t>(),
              " sentences, by stochastic Lanczos quadrature, without the norm term.")});
}

}  // namespace

void show_hessian(const json& document, Page& page) {
  page.add_section("Curvature of the loss");
  add_table(document, page);
  add_spectrum(document, page);
  add_density(document, page);
}

}  // namespace kdqat::report
