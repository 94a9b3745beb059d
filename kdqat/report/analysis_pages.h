#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/report/page.h"

namespace kdqat::report {

/// Sections of a page that show the documents of `kdqat analyze`, of a task's data (docs/analysis.md):
///   Page page("kdqat analyze attention: sst-2");
///   show_attention(base::read_json_file("attention.json"), page);
/// Each throws as nlohmann::json does for a document of another form.
void show_attention(const nlohmann::json& document, Page& page);
void show_range(const nlohmann::json& document, Page& page);
void show_norms(const nlohmann::json& document, Page& page);
void show_ranking(const nlohmann::json& document, Page& page);
void show_layers(const nlohmann::json& document, Page& page);
void show_hessian(const nlohmann::json& document, Page& page);

}  // namespace kdqat::report
