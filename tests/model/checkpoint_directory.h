#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "kdqat/base/file.h"
#include "kdqat/format/safetensors.h"
#include "tests/base/temporary_directory.h"
#include "tests/support/tiny_bert.h"

namespace kdqat::model {

/// A model directory for a test to spoil: tiny-bert's teacher, tensor by tensor.
class CheckpointDirectory {
 public:
  CheckpointDirectory()
      : config(tests::read_json(tests::tiny_bert_file("config.json"))),
        tensors(tests::read_tensors(tests::tiny_bert_file("teacher.safetensors"))) {}

  /// Gives every tensor the name that `rename` makes of its own.
  void rename(const std::function<std::string(std::string)>& rename) {
    std::map<std::string, torch::Tensor> renamed;
    for (const auto& [name, tensor] : tensors) renamed.emplace(rename(name), tensor);
    tensors = std::move(renamed);
  }

  void erase_all(const std::string& prefix) {
    std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(prefix); });
  }

  /// Writes both files.
  const std::filesystem::path& write() const {
    base::write_file_atomically(directory_ / "config.json", config.dump());
    std::vector<torch::Tensor> kept;
    std::vector<format::TensorToWrite> list;
    for (const auto& [name, tensor] : tensors) {
      kept.push_back(tensor.contiguous());
      const auto size = static_cast<std::size_t>(kept.back().numel()) * kept.back().element_size();
      list.push_back(
          {.name = name,
           .dtype = dtype_of(tensor),
           .shape = tensor.sizes().vec(),
           .bytes = std::as_bytes(std::span(static_cast<const char*>(kept.back().data_ptr()), size))});
    }
    format::write_safetensors(weights_file(), list);
    return directory_.path();
  }

  std::filesystem::path weights_file() const { return directory_ / "model.safetensors"; }

  nlohmann::json config;
  std::map<std::string, torch::Tensor> tensors;

 private:
  static format::DType dtype_of(const torch::Tensor& tensor) {
    switch (tensor.scalar_type()) {
      case torch::kFloat16:
        return format::DType::kF16;
      case torch::kBFloat16:
        return format::DType::kBF16;
      case torch::kFloat64:
        return format::DType::kF64;
      case torch::kInt64:
        return format::DType::kI64;
      default:
        return format::DType::kF32;
    }
  }

  test::TemporaryDirectory directory_;
};

}  // namespace kdqat::model
