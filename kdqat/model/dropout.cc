#include "kdqat/model/dropout.h"

namespace kdqat::model {

DropoutMask draw_dropout(const kernels::DropoutPlace& place, double probability, std::int64_t count) {
  DropoutMask mask{.keep = torch::empty({count}, torch::kUInt8), .factor = 1.0 / (1.0 - probability)};
  kernels::fill_dropout_mask(place, probability, count, mask.keep.data_ptr<std::uint8_t>());
  return mask;
}

torch::Tensor drop(const torch::Tensor& values, const DropoutMask& dropout) {
  if (!dropout.keep.defined()) return values;
  return values * (dropout.keep.to(values.scalar_type()) * dropout.factor).view(values.sizes());
}

kernels::Dropout kernel_dropout(const DropoutMask& dropout, std::int64_t first) {
  if (!dropout.keep.defined()) return {};
  return {.keep = dropout.keep.data_ptr<std::uint8_t>() + first,
          .factor = static_cast<float>(dropout.factor)};
}

}  // namespace kdqat::model
