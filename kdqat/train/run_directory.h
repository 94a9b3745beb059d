#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "kdqat/format/run_log.h"

namespace kdqat::train {

/// The directory of a training run:
///   config.json, model.safetensors, tokenizer   the best model (Hugging Face form)
///   last/                                       the last model
///   metrics.jsonl                               what happened, a JSON object a line (format/run_log.h)
///   checkpoint.safetensors                      where to go on; gone when the run is done
class RunDirectory {
 public:
  /// Only names the directory.
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
  std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path last() const { return path_ / "last"; }

  /// Throws InvalidArgument if there is something at the path that a run may not take: a file, or a directory
  /// that is not empty, unless `overwrite` allows it, or `resume` where a run has begun. Changes nothing.
  void check_free(bool resume, bool overwrite) const;

  /// Throws InvalidArgument if `model_dir`, which a run reads, is where it would write.
  void check_apart_from(const std::filesystem::path& model_dir) const;

  /// The last line of the metrics of a run that has ended here; none where there is none or it goes on.
  /// Throws as format::read_run_end does.
  std::optional<format::EndRecord> end_record() const;

  /// Creates the directory and takes away what a run before has written, that and nothing else. Throws
  /// IoError.
  void start_anew() const;

  /// Takes away the checkpoint, and what a killed process left of a later one.
  void remove_checkpoint() const;

 private:
  std::filesystem::path path_;
};

}  // namespace kdqat::train
