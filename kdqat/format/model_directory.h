#pragma once

#include <filesystem>

namespace kdqat::format {

/// The config.json of a model directory in Hugging Face's form. Throws IoError if `dir` is no directory that
/// can be read, FormatError that names `dir` if there is no config.json in it.
std::filesystem::path find_config(const std::filesystem::path& dir);

/// The model.safetensors of a model directory, or the model.safetensors.index.json of its shards. Throws
/// IoError as find_config does, and FormatError that names `dir` if neither is there; where the weights are
/// in another form (pytorch_model.bin, a LoRA adapter) it tells the command that converts them.
std::filesystem::path find_weights(const std::filesystem::path& dir);

}  // namespace kdqat::format
