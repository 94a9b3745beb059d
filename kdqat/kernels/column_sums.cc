#include "kdqat/kernels/column_sums.h"

#include <algorithm>

#include "kdqat/kernels/add.h"

namespace kdqat::kernels {

void ColumnSums::total(float* out) const {
  std::fill_n(out, cols_, 0.0F);
  for (std::int64_t block = 0; block < blocks_; ++block) add(terms_.data() + block * cols_, cols_, out);
}

}  // namespace kdqat::kernels
