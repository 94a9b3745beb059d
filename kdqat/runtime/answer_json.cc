#include "kdqat/runtime/answer_json.h"

#include <nlohmann/json.hpp>

namespace kdqat::runtime {

nlohmann::json answer_json(const std::vector<std::string>& labels, std::size_t label,
                           std::span<const double> scores) {
  if (scores.size() == 1) return {{"label", scores[0]}, {"scores", {{"score", scores[0]}}}};
  nlohmann::json named;
  for (std::size_t c = 0; c < scores.size(); ++c) named[labels[c]] = scores[c];
  return {{"label", labels[label]}, {"scores", named}};
}

}  // namespace kdqat::runtime
