#pragma once

#include <filesystem>

namespace kdqat::report {

/// Writes the page of one training run, from what it recorded (see kdqat/format/run_log.h for the form): its
/// result, losses by step, scores, learning rate, losses layer by layer, ternary codes, time, configuration.
/// What was not recorded is left out. A run that goes on or broke off has a page as well.
///
/// Throws as format::read_run_log and base::write_file_atomically do.
void write_run_report(const std::filesystem::path& metrics_jsonl, const std::filesystem::path& html);

}  // namespace kdqat::report
