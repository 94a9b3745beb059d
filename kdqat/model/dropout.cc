#include "kdqat/model/dropout.h"

namespace kdqat::model {

torch::Tensor drop(const torch::Tensor& values, const DropoutMask& dropout) {
  if (!dropout.keep.defined()) return values;
  return values * (dropout.keep.to(values.scalar_type()) * dropout.factor).view(values.sizes());
}

kernels::Dropout kernel_dropout(const DropoutMask& dropout) {
  if (!dropout.keep.defined()) return {};
  return {.keep = dropout.keep.data_ptr<std::uint8_t>(), .factor = static_cast<float>(dropout.factor)};
}

}  // namespace kdqat::model
