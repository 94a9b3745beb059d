#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/analysis/inputs.h"

namespace kdqat::analysis {

/// The analyses of `kdqat analyze`, each as the JSON document that docs/analysis.md specifies:
///   const nlohmann::json ratios = analyze_attention(inputs, config).at("students").at("map");
/// They tell config.on_work how far they are. Throw as the measures that they take do, and InvalidArgument
/// without a student where one is compared with the teacher.
nlohmann::json analyze_attention(const AnalysisInputs& inputs, const AnalysisConfig& config);
nlohmann::json analyze_range(const AnalysisInputs& inputs, const AnalysisConfig& config);
nlohmann::json analyze_norms(const AnalysisInputs& inputs, const AnalysisConfig& config);
nlohmann::json analyze_ranking(const AnalysisInputs& inputs, const AnalysisConfig& config);
nlohmann::json analyze_layers(const AnalysisInputs& inputs, const AnalysisConfig& config);
nlohmann::json analyze_hessian(const AnalysisInputs& inputs, const AnalysisConfig& config);

/// {"layers", "heads", "sentences"}: what every document begins with.
nlohmann::json describe_inputs(const AnalysisInputs& inputs);

/// Adds the students' results to a document: at its top where there is one student and the data are a batch
/// file, else under "students" by name.
void add_students(std::vector<std::pair<std::string, nlohmann::json>> students, bool from_batch,
                  nlohmann::json& document);

}  // namespace kdqat::analysis
