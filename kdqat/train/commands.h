#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "kdqat/data/task.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/text/tokenizer.h"
#include "kdqat/train/training_config.h"
#include "kdqat/train/training_loop.h"

namespace kdqat::train {

/// The task that a command's `name` stands for: one of data::task_names(); for "custom" the one of `options`,
/// its classes found in `training_data`, or without options the one that the model keeps. Throws
/// InvalidArgument for an unknown name or a custom task that neither names; FormatError and IoError as
/// data::make_custom_task does.
data::Task resolve_task(const std::string& name, const std::optional<data::CustomTaskOptions>& options,
                        const encoder::EncoderConfig& model, const std::filesystem::path& training_data);

/// The tokenizer of a model directory. Throws as text::Tokenizer::load does, and FormatError if its
/// vocabulary has not as many tokens as the embedding has rows.
text::Tokenizer load_tokenizer(const std::filesystem::path& model_dir, const encoder::EncoderConfig& config);

/// Throws InvalidArgument unless the classifier has as many labels as the task, and the same ones where it
/// was trained on one's own data; `dir` is named.
void check_labels(const encoder::EncoderConfig& config, const data::Task& task,
                  const std::filesystem::path& dir);

/// Throws InvalidArgument unless max_seq_length is within the encoder's positions and has room for a token.
void check_max_seq_length(std::int64_t max_seq_length, const encoder::EncoderConfig& config);

/// Fine-tunes a pre-trained encoder on a task in floating point. Throws as run_training and the readers of
/// model, tokenizer and data do; nothing is written before all input has been read and checked.
TrainingResult run_finetune(const FinetuneConfig& config, const TrainingCallbacks& callbacks);

/// Distils a fine-tuned teacher into a quantized student of the same architecture, which starts from its
/// weights (arXiv:2211.11014). Throws as run_finetune does, and InvalidArgument for a teacher whose labels do
/// not fit the task.
TrainingResult run_distill(const DistillConfig& config, const TrainingCallbacks& callbacks);

}  // namespace kdqat::train
