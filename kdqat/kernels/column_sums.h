#pragma once

#include <cstdint>
#include <vector>

namespace kdqat::kernels {

/// Sums of the columns of a matrix whose rows are added in parallel: rows of a block of fixed size share a
/// term, terms are added in order. Hence one result for every thread count.
class ColumnSums {
 public:
  static constexpr std::int64_t kRows = 32;  ///< of a block

  ColumnSums(std::int64_t rows, std::int64_t cols)
      : blocks_((rows + kRows - 1) / kRows),
        cols_(cols),
        terms_(static_cast<std::size_t>(blocks_ * cols), 0.0F) {}

  std::int64_t blocks() const { return blocks_; }

  /// Where row `row` is to be added, [cols]; a block's rows in one thread.
  float* term(std::int64_t row) { return terms_.data() + row / kRows * cols_; }

  /// Writes the sums, [cols].
  void total(float* out) const;

 private:
  std::int64_t blocks_;
  std::int64_t cols_;
  std::vector<float> terms_;
};

}  // namespace kdqat::kernels
