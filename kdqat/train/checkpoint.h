#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kdqat/train/bert_adam.h"

namespace kdqat::train {

/// How far a run has come, beside its tensors. Sampler and dropout draw from seed and position alone, so they
/// have no state of their own.
struct Progress {
  std::int64_t updates = 0;          ///< done
  std::optional<double> best_score;  ///< of the best evaluation so far
  std::int64_t best_step = 0;
  std::int64_t metrics_bytes = 0;  ///< of metrics.jsonl when the checkpoint was written
  double train_seconds = 0.0;
  double evaluate_seconds = 0.0;
};

/// Writes latent weights, moments and progress atomically. `config` is kept to compare with on resuming.
/// Throws NumericError that names a tensor which is not finite, IoError if the file can't be written.
void save_checkpoint(const std::filesystem::path& path, BertAdam& optimizer, const Progress& progress,
                     const nlohmann::json& config);

/// Reads a checkpoint into the optimizer's tensors. Throws FormatError and IoError as format::SafetensorsFile
/// does, FormatError for missing tensors or another shape, and InvalidArgument that names the first setting
/// of `config` that differs.
Progress load_checkpoint(const std::filesystem::path& path, BertAdam& optimizer,
                         const nlohmann::json& config);

}  // namespace kdqat::train
