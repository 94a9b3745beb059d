#pragma once

#include <filesystem>

// The page of a run:
//
//   write_run_report("runs/student/metrics.jsonl", "runs/student/report.html");

namespace kdqat::report {

/// Writes the page of one training run from its records (kdqat/format/run_log.h): result, losses by step,
/// scores, learning rate, losses layer by layer, ternary codes, time, configuration. Parts that were not
/// recorded are left out. A run that still goes on or was killed has a page too.
///
/// Throws as format::read_run_log and base::write_file_atomically do.
void write_run_report(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& html);

}  // namespace kdqat::report
