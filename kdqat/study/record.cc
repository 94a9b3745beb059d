#include "kdqat/study/record.h"

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/json.h"

namespace kdqat::study {
namespace {

std::filesystem::path beside(const StudyRun& run, const char* ending) {
  std::filesystem::path path = run.dir;
  path += ending;
  return path;
}

/// What decides the result of a run. The folder of the study may be moved.
nlohmann::json record_settings(const Study& study, const StudyRun& run) {
  if (!run.is_trained()) {
    return {
        {"task", run.task.task}, {"data", run.task.data_dir.string()}, {"teacher", run.teacher_dir.string()}};
  }
  nlohmann::json settings =
      run.is_teacher() ? to_json(teacher_config(study, run)) : to_json(student_config(run));
  settings.erase("output");
  if (run.task.teacher_dir.empty()) settings.erase("teacher");
  return settings;
}

}  // namespace

std::filesystem::path record_file(const StudyRun& run) { return beside(run, ".json"); }
std::filesystem::path lock_file(const StudyRun& run) { return beside(run, ".lock"); }

std::optional<nlohmann::json> read_record(const Study& study, const StudyRun& run) {
  const std::filesystem::path file = record_file(run);
  if (!std::filesystem::exists(file)) return std::nullopt;
  nlohmann::json record = base::read_json_file(file);
  if (!record.is_object() || !record.contains("settings")) {
    throw base::FormatError(base::concat(
        file.string(), ": expected the record of a run with \"settings\", found ", base::describe(record)));
  }
  const std::string differs = train::first_difference(record.at("settings"), record_settings(study, run));
  if (!differs.empty()) {
    throw base::InvalidArgument(
        base::concat(file.string(), ": a run goes on with the settings that it began with; ", differs));
  }
  return record;
}

RunState state_of(const Study& study, const StudyRun& run) {
  const std::optional<nlohmann::json> record = read_record(study, run);
  if (!record) return RunState::kNew;
  return record->contains("result") ? RunState::kDone : RunState::kBegun;
}

void write_record(const Study& study, const StudyRun& run, const nlohmann::json& result) {
  nlohmann::json record = {{"settings", record_settings(study, run)}};
  if (!result.is_null()) record["result"] = result;
  base::write_file_atomically(record_file(run), record.dump() + "\n");
}

}  // namespace kdqat::study
