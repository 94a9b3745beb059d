#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/report/page.h"

namespace kdqat::cli {

/// Sections of a page that show the documents of analyses.h, of a task's data (docs/analysis.md). Each throws
/// as nlohmann::json does for a document of another form.
void show_attention(const nlohmann::json& document, report::Page& page);
void show_range(const nlohmann::json& document, report::Page& page);
void show_norms(const nlohmann::json& document, report::Page& page);
void show_ranking(const nlohmann::json& document, report::Page& page);
void show_layers(const nlohmann::json& document, report::Page& page);
void show_hessian(const nlohmann::json& document, report::Page& page);

}  // namespace kdqat::cli
