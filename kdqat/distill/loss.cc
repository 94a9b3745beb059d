#include "kdqat/distill/loss.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "kdqat/base/error.h"

namespace kdqat::distill {

std::vector<std::int64_t> LayerSelection::resolve(std::int64_t num_hidden_layers) const {
  if (all) {
    std::vector<std::int64_t> every(static_cast<std::size_t>(num_hidden_layers));
    std::iota(every.begin(), every.end(), std::int64_t{0});
    return every;
  }
  for (const std::int64_t layer : layers) {
    if (layer < 0 || layer >= num_hidden_layers) {
      throw base::InvalidArgument(
          base::concat("distilled layers: expected 0 to ", num_hidden_layers - 1, ", found ", layer));
    }
  }
  return layers;
}

LayerSelection parse_layers(const std::string& text) {
  if (text == "all") return {};
  LayerSelection selection{.all = false, .layers = {}};
  const char* position = text.data();
  const char* const end = position + text.size();
  for (;;) {
    std::int64_t layer = 0;
    const auto [next, error] = std::from_chars(position, end, layer);
    if (error != std::errc{} || layer < 0 || (next != end && *next != ',')) {
      throw base::InvalidArgument(
          base::concat("distilled layers: expected 'all' or layers such as 0,5,11, found '", text, "'"));
    }
    selection.layers.push_back(layer);
    if (next == end) break;
    position = next + 1;
  }
  std::sort(selection.layers.begin(), selection.layers.end());
  if (std::adjacent_find(selection.layers.begin(), selection.layers.end()) != selection.layers.end()) {
    throw base::InvalidArgument(base::concat("distilled layers: expected each once, found '", text, "'"));
  }
  return selection;
}

std::string to_string(const LayerSelection& selection) {
  if (selection.all) return "all";
  std::string text;
  for (const std::int64_t layer : selection.layers) {
    if (!text.empty()) text.push_back(',');
    text.append(std::to_string(layer));
  }
  return text;
}

LayerLoss sum_terms(std::vector<torch::Tensor> terms) {
  torch::Tensor total;
  for (const torch::Tensor& term : terms) {
    if (term.defined()) total = total.defined() ? total + term : term;
  }
  return {.total = total.defined() ? total : torch::zeros({}), .terms = std::move(terms)};
}

}  // namespace kdqat::distill
