#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kdqat/format/safetensors.h"

/// The weights of a model directory, in one file or in several:
///
///   const Checkpoint checkpoint("my-model");
///   for (const CheckpointTensor& tensor : checkpoint.tensors()) std::cout << tensor.view->name << '\n';
namespace kdqat::format {

struct CheckpointTensor {
  const TensorView* view = nullptr;
  const SafetensorsFile* file = nullptr;

  /// "<file>: tensor '<name>'", for messages.
  std::string where() const;
};

/// model.safetensors, or the files that model.safetensors.index.json names, memory-mapped.
class Checkpoint {
 public:
  /// Throws IoError and FormatError as find_weights and SafetensorsFile do; FormatError that names the index
  /// for one that is not {"weight_map": {tensor: file}}, for a file name with a folder in it, and for a
  /// tensor that its file lacks.
  explicit Checkpoint(const std::filesystem::path& dir);

  /// The file, or the index of the files, for messages.
  const std::filesystem::path& path() const { return path_; }

  const std::vector<CheckpointTensor>& tensors() const { return tensors_; }

 private:
  void open_shards(const std::filesystem::path& dir);

  std::filesystem::path path_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<CheckpointTensor> tensors_;
};

}  // namespace kdqat::format
