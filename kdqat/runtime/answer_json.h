#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace kdqat::runtime {

/// What every program of kdqat answers to a text: {"label": name, "scores": {name: probability, ...}}, or
/// {"label": value, "scores": {"score": value}} of a regression, which is where `scores` has one value.
/// `labels` has a name for each of `scores`; `label` is the index of the class that was chosen.
nlohmann::json answer_json(const std::vector<std::string>& labels, std::size_t label,
                           std::span<const double> scores);

}  // namespace kdqat::runtime
