#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/model/classifier.h"

namespace kdqat::model {

struct LoadedClassifier {
  Classifier classifier;
  std::vector<std::string> warnings;  ///< one line each: what was initialised, what was left out
};

/// The head that a model is to have where its directory has none, or one of another task or size.
struct NewHead {
  std::vector<std::string> labels;  ///< names of the classes; none for a regression
  std::int64_t num_labels = 0;      ///< C
  std::uint64_t seed = 42;          ///< weights are drawn from N(0, initializer_range), biases are 0
};

/// Reads a Hugging Face model directory: config.json and model.safetensors or its shards (F16, BF16, F32 or
/// F64 tensors; names with and without the family's prefix, such as "bert."; LayerNorm's gamma and beta for
/// weight and bias).
///
///   Classifier teacher = load_classifier("teacher").classifier;
///
/// Tensors of pre-training heads and integer buffers such as position_ids are left out. The "quantization" of
/// config.json's "kdqat" section makes it a student.
///
/// With `new_head`, a classifier that is missing or of another size is drawn anew, and so is a missing dense
/// layer of the head; the head of another task is left out (with a warning each). Without, each is an error,
/// and so is half of a head.
///
/// Every shape is compared with config.json before memory is allocated. Throws IoError and FormatError as
/// format::Checkpoint and encoder::read_encoder_config do, and FormatError that names file and tensor for:
/// one that is missing, of another shape or not of floating point, given twice under two spellings, of an
/// unknown name, or that holds a value that is not finite.
LoadedClassifier load_classifier(const std::filesystem::path& dir,
                                 const std::optional<NewHead>& new_head = {});

/// Writes config.json and model.safetensors (F32, atomically each) to `dir`, which exists. Hugging Face
/// transformers loads the directory as the family's classifier.
void save_classifier(Classifier& classifier, const std::filesystem::path& dir);

/// Replaces every quantized parameter by the values that its codes stand for; the result has no quantization.
/// Activations are no part of it.
Classifier dequantized(Classifier& student);

}  // namespace kdqat::model
