#pragma once

#include <cstdint>
#include <filesystem>

namespace kdqat::convert {

/// Writes the student of a model directory as one packed file (docs/packed-format.md), atomically, and gives
/// its size in bytes. The codes are those of the student's last forward pass in training. Throws what
/// model::load_classifier and text::read_tokenizer throw; InvalidArgument that names `model_dir` for a model
/// that is no student, or whose quantization the runtime can't run: weights or activations at 32 bits, a
/// scale for all activations of a batch.
std::int64_t pack(const std::filesystem::path& model_dir, const std::filesystem::path& output);

}  // namespace kdqat::convert
