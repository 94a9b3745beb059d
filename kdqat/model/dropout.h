#pragma once

#include <torch/types.h>

#include "kdqat/kernels/dropout.h"

namespace kdqat::model {

/// Which values are kept, and what they are multiplied with.
struct DropoutMask {
  torch::Tensor keep;   ///< uint8, an element a value; undefined for no dropout
  double factor = 1.0;  ///< what kept values are multiplied with
};

/// The mask of `count` values at this place (see kernels::fill_dropout_mask).
DropoutMask draw_dropout(const kernels::DropoutPlace& place, double probability, std::int64_t count);

/// values with those that are not kept set to 0; of any shape, differentiable.
torch::Tensor drop(const torch::Tensor& values, const DropoutMask& dropout);

/// The mask from its element `first` on for a kernel, valid as long as its tensor lives.
kernels::Dropout kernel_dropout(const DropoutMask& dropout, std::int64_t first = 0);

}  // namespace kdqat::model
