#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "kdqat/data/custom_task.h"
#include "kdqat/distill/objective.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/quant/linear.h"
#include "kdqat/train/training_config.h"

namespace kdqat::cli {

/// Options that several commands share. Each function adds them to a command and fills the struct when the
/// command line is read; the struct's initializers are the only defaults.

/// --threads: of every parallel loop.
void add_threads(CLI::App& command);

/// Makes the option's values a list with commas. Brackets belong to a value, such as [CLS], which CLI11 by
/// itself takes for those of a list.
void separate_by_commas(CLI::Option* values);

/// --precision fp32|bf16.
void add_precision(CLI::App& command, quant::Precision& precision);

/// --task, --data and the columns of one's own data; `custom` is set if any of those is given. Both are
/// required unless the command says otherwise.
struct TaskOptions {
  CLI::Option* task;
  CLI::Option* data;
};
TaskOptions add_task(CLI::App& command, std::string& task, std::filesystem::path& data_dir,
                     std::optional<data::CustomTaskOptions>& custom);

/// --batch: a pre-tokenized batch.
CLI::Option* add_batch(CLI::App& command, std::filesystem::path& file);

/// What fine-tuning and distilling share and does not name a file or a seed: --learning-rate ... --precision.
void add_training_settings(CLI::App& command, train::TrainingConfig& config);

/// Everything that fine-tuning and distilling share.
void add_training(CLI::App& command, train::TrainingConfig& config);

/// --weight-bits, --embedding-bits, --activation-bits and the granularities.
void add_quantization(CLI::App& command, format::QuantizationConfig& config);

/// --objective, --gamma, the losses' weights, --temperature and --distill-layers.
void add_objective(CLI::App& command, distill::ObjectiveConfig& config);

}  // namespace kdqat::cli
