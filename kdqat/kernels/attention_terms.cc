#include "kdqat/kernels/attention_terms.h"

#include <algorithm>

#include "kdqat/kernels/add.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

/// sums[j] += values[j * step + offsets[j]].
KDQAT_MULTIVERSION
void add_gathered(const float* values, std::int64_t step, const std::int32_t* offsets, std::int64_t count,
                  float* sums) {
#pragma GCC ivdep
  for (std::int64_t j = 0; j < count; ++j) sums[j] += values[j * step + offsets[j]];
}

/// sums[j * step + offsets[j]] += values[j], in order: several j may meet at one sum.
void add_scattered(const float* values, std::int64_t count, std::int64_t step, const std::int32_t* offsets,
                   float* sums) {
  for (std::int64_t j = 0; j < count; ++j) sums[j * step + offsets[j]] += values[j];
}

void add_rows(const simd::Tile& rows, const simd::Tile& sum) {
  for (std::int64_t row = 0; row < rows.rows; ++row) add(rows.row(row), rows.cols, sum.row(row));
}

}  // namespace

PositionTerm::PositionTerm(const AttentionInput& input, const AttentionHead& head, Of of) : of_(of) {
  const AttentionTerms& terms = input.terms;
  const bool of_query = of == Of::kQuery;
  const float* table = of_query ? terms.position_key : terms.position_query;
  if (table == nullptr) return;
  const std::int32_t* index = of_query ? terms.key_index : terms.query_index;
  const std::int64_t n = head.length;
  operand_ = rows_of(input.shape, head, of_query ? input.operands.query : input.operands.key);
  const std::int64_t farthest = std::min(n - 1, Band(n, terms.window).width);
  const auto [lowest, highest] =
      std::minmax_element(index + terms.reach - farthest, index + terms.reach + farthest + 1);
  const std::int32_t first = *lowest;
  const std::int64_t row_stride = input.shape.heads * input.shape.head_size;
  table_offset_ = first * row_stride + head.index * input.shape.head_size;
  table_ = {.data = table + table_offset_,
            .rows = *highest - first + 1,
            .cols = input.shape.head_size,
            .row_stride = row_stride};
  offsets_.resize(static_cast<std::size_t>(2 * n - 1));
  for (std::int64_t distance = -farthest; distance <= farthest; ++distance) {
    offsets_[static_cast<std::size_t>(n - 1 - distance)] = index[distance + terms.reach] - first;
  }
}

void PositionTerm::multiply_forward(simd::Scratch& scratch) {
  product_ = scratch.tile(operand_.rows, table_.rows);
  multiply(operand_, transposed_copy(table_, scratch), product_);
}

void PositionTerm::add_to(std::int64_t query, const TokenRange& keys, float* scores) const {
  const std::int64_t step = of_ == Of::kQuery ? 0 : product_.stride;
  const float* values = product_.row(of_ == Of::kQuery ? query : keys.first);
  add_gathered(values, step, offsets(query) + keys.first, keys.count(), scores + keys.first);
}

void PositionTerm::backward(const simd::Tile& gradient, const Band& band, const simd::Tile& operand_gradient,
                            float* table_gradient, simd::Scratch& scratch) const {
  const simd::Tile of_product = scratch.tile(operand_.rows, table_.rows);
  std::fill_n(of_product.data, of_product.rows * of_product.stride, 0.0F);
  for (std::int64_t query = 0; query < operand_.rows; ++query) {
    const TokenRange keys = band.around(query);
    const std::int64_t step = of_ == Of::kQuery ? 0 : of_product.stride;
    add_scattered(gradient.row(query) + keys.first, keys.count(), step, offsets(query) + keys.first,
                  of_product.row(of_ == Of::kQuery ? query : keys.first));
  }
  const simd::Tile of_operand = scratch.tile(operand_.rows, operand_.cols);
  multiply(view(of_product), whole_vectors(table_, scratch), of_operand);
  add_rows(of_operand, operand_gradient);
  if (table_gradient == nullptr) return;
  const simd::Tile of_table = scratch.tile(table_.rows, table_.cols);
  multiply(view(of_product).transposed(), whole_vectors(operand_, scratch), of_table);
  add_rows(of_table, {.data = table_gradient + table_offset_,
                      .rows = table_.rows,
                      .cols = table_.cols,
                      .stride = table_.row_stride});
}

std::int64_t term_scratch_size(const AttentionInput& input, const AttentionHead& head) {
  const AttentionTerms& terms = input.terms;
  const std::int64_t count =
      (terms.position_key != nullptr ? 1 : 0) + (terms.position_query != nullptr ? 1 : 0);
  const std::int64_t cols = simd::padded(input.shape.head_size);
  // operand table^T or its gradient, and the transposed table; operand, table and both gradients.
  return count * ((head.length + input.shape.head_size) * simd::padded(terms.positions) +
                  2 * (head.length + terms.positions) * cols);
}

TableGradients::TableGradients(const AttentionInput& input, const AttentionOperandGradients& result)
    : bias_cols_(2 * input.terms.reach + 1) {
  // Enough to occupy threads together with the heads, and few enough to be added fast.
  constexpr std::int64_t kGroups = 4;
  const bool any =
      result.bias != nullptr || result.position_key != nullptr || result.position_query != nullptr;
  const std::int64_t sentences = input.shape.sentences();
  groups_ = any ? std::min(sentences, kGroups) : sentences;
  const std::int64_t positions = input.terms.positions * input.shape.heads * input.shape.head_size;
  bias_ = sums(result.bias, input.shape.heads * bias_cols_);
  position_key_ = sums(result.position_key, positions);
  position_query_ = sums(result.position_query, positions);
}

TableGradients::Sums TableGradients::sums(float* result, std::int64_t size) const {
  if (result == nullptr) return {};
  return {
      .result = result, .size = size, .values = std::vector<float>(static_cast<std::size_t>(groups_ * size))};
}

void TableGradients::finalize() const {
  for (const Sums* sums : {&bias_, &position_key_, &position_query_}) {
    if (sums->result == nullptr) continue;
    std::fill_n(sums->result, sums->size, 0.0F);
    for (std::int64_t group = 0; group < groups_; ++group) {
      add(sums->values.data() + group * sums->size, sums->size, sums->result);
    }
  }
}

}  // namespace kdqat::kernels
