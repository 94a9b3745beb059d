#pragma once

#include <torch/types.h>

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "kdqat/format/safetensors.h"
#include "kdqat/model/classifier.h"

namespace kdqat::convert {

/// Tensors of a packed file, and the memory behind them.
class PackedTensors {
 public:
  void add_bytes(const std::string& name, format::DType dtype, format::Shape shape,
                 std::vector<std::uint8_t> bytes);
  void add_floats(const std::string& name, const torch::Tensor& values);

  const std::vector<format::TensorToWrite>& tensors() const { return tensors_; }

 private:
  std::vector<format::TensorToWrite> tensors_;
  std::list<std::vector<std::uint8_t>> owned_;
  std::vector<torch::Tensor> kept_;
};

/// The parameters of a student as a packed file holds them: codes and scales of what is quantized, the others
/// in float32. The student must outlive the result.
PackedTensors pack_parameters(model::Classifier& student);

}  // namespace kdqat::convert
