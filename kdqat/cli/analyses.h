#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/cli/analysis_inputs.h"

namespace kdqat::cli {

/// The analyses of `kdqat analyze`, each as the JSON document that docs/analysis.md specifies. They show on
/// standard error how far they are where the data are a task's. Throw as kdqat/analysis does, and
/// InvalidArgument without a student where one is compared with the teacher.
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

}  // namespace kdqat::cli
