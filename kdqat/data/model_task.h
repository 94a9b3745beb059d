#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "kdqat/data/custom_task.h"
#include "kdqat/data/task.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::data {

/// The task that a command's `name` stands for: one of task_names(); for "custom" the one of `options`,
/// its classes found in `training_data`, or without options the one that the model keeps. Throws
/// InvalidArgument for an unknown name or a custom task that neither names; FormatError and IoError as
/// make_custom_task does.
Task resolve_task(const std::string& name, const std::optional<CustomTaskOptions>& options,
                  const encoder::EncoderConfig& model, const std::filesystem::path& training_data);

/// The tokenizer of a model directory. Throws as text::Tokenizer::load does, and FormatError if its
/// vocabulary has not as many tokens as the embedding has rows.
text::Tokenizer load_tokenizer(const std::filesystem::path& model_dir, const encoder::EncoderConfig& config);

/// Throws InvalidArgument unless the classifier has as many labels as the task, and the same ones where it
/// was trained on one's own data; `dir` is named.
void check_labels(const encoder::EncoderConfig& config, const Task& task, const std::filesystem::path& dir);

/// Throws InvalidArgument unless max_seq_length is within the encoder's positions and has room for a token.
void check_max_seq_length(std::int64_t max_seq_length, const encoder::EncoderConfig& config);

}  // namespace kdqat::data
