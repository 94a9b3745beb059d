#include "kdqat/kernels/column_sums.h"

#include <algorithm>

#include "kdqat/kernels/multiversion.h"

namespace kdqat::kernels {
namespace {

KDQAT_MULTIVERSION
void add_row(const float* values, std::int64_t cols, float* sum) {
  for (std::int64_t i = 0; i < cols; ++i) sum[i] += values[i];
}

}  // namespace

void ColumnSums::total(float* out) const {
  std::fill_n(out, cols_, 0.0F);
  for (std::int64_t block = 0; block < blocks_; ++block) add_row(terms_.data() + block * cols_, cols_, out);
}

}  // namespace kdqat::kernels
