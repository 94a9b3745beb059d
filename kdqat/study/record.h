#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "kdqat/study/study.h"

namespace kdqat::study {

/// Beside the directory of a run: <run>.json, what a study knows of it, and <run>.lock, held by the process
/// that works on it.
std::filesystem::path record_file(const StudyRun& run);
std::filesystem::path lock_file(const StudyRun& run);

enum class RunState {
  kNew,
  kBegun,  ///< it goes on from its last checkpoint
  kDone,   ///< trained, and its best model's answers on the reported split are there
};

/// The record of a run:
///   {"settings": those that it began with (training_config.h),
///    "result": {"split", "metric", "score", "metrics", of the reported split; "labels", "predictions": of
///    its
///               examples; and of a run that was trained "selection": {"split", "score"}, "best_step",
///               "steps", "seconds"}; missing until the run is done}
/// or nothing where the run has not begun.
///
/// Throws FormatError for a file that is no record, InvalidArgument that names file and setting if the run
/// began with other settings than the study has.
std::optional<nlohmann::json> read_record(const Study& study, const StudyRun& run);
RunState state_of(const Study& study, const StudyRun& run);

/// Writes the record, with a result if it is no null. Throws IoError.
void write_record(const Study& study, const StudyRun& run, const nlohmann::json& result);

}  // namespace kdqat::study
