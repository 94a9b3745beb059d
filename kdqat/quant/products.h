#pragma once

#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kdqat/base/parallel.h"
#include "kdqat/kernels/bf16_backward.h"
#include "kdqat/kernels/column_sums.h"
#include "kdqat/kernels/matmul.h"
#include "kdqat/kernels/panel_blocks.h"
#include "kdqat/quant/linear.h"

namespace kdqat::quant {

/// The parts of a fused linear layer, for `linear` and for fused operations of which it is a step: its left
/// factor, its weight, its gradients. Products run a group of rows at a time, so that what is computed before
/// and after a product stays in a core's cache.

/// Rows of a matrix.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// These rows of a float32 matrix, contiguous.
inline float* rows_of(const torch::Tensor& values, const RowRange& rows) {
  return values.data_ptr<float>() + rows.first * values.size(1);
}

/// body(rows) for ranges that cover [0, total): groups of about 64 rows, of whole blocks of `block` rows,
/// side by side, each in one thread, or, where not all steps are `row_by_row`, all rows at once.
template <typename Body>
void for_row_groups(std::int64_t total, bool row_by_row, const Body& body,
                    std::int64_t block = kernels::kBlockRows) {
  constexpr std::int64_t kRows = 64;
  const std::int64_t threads = base::num_threads();
  if (!row_by_row || total < 2 * kernels::kBlockRows * threads) {
    body(RowRange{.first = 0, .count = total});
    return;
  }
  const std::int64_t groups = (total + kRows * threads - 1) / (kRows * threads) * threads;
  base::parallel_for(0, groups, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t group = first; group < last; ++group) {
      const std::int64_t blocks = (total + block - 1) / block;
      const std::int64_t row = blocks * group / groups * block;
      const std::int64_t end = std::min(total, blocks * (group + 1) / groups * block);
      if (row < end) body(RowRange{.first = row, .count = end - row});
    }
  });
}

/// for_row_groups of a backward pass, whose sums over rows are in blocks.
template <typename Body>
void for_backward_row_groups(std::int64_t total, bool row_by_row, const Body& body) {
  for_row_groups(total, row_by_row, body, kernels::ColumnSums::kRows);
}

/// A thread's room for `count` values of a group of rows; each use of it has a number.
template <typename Value, int kUse>
Value* scratch(std::int64_t count) {
  thread_local std::vector<Value> memory;
  if (std::cmp_less(memory.size(), count)) memory.resize(static_cast<std::size_t>(count));
  return memory.data();
}

/// A factor of a product as the forward pass met it; backward needs it.
struct Factor {
  torch::Tensor elements;  ///< [rows, cols]: int8 codes, or values in float32 or bfloat16
  torch::Tensor scales;    ///< of the codes, float32 [1] or [rows]; undefined where there are none
  bool clips = false;      ///< whether a value that was quantized reaches the clip

  bool quantized() const { return scales.defined(); }

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    visit(elements);
    visit(scales);
  }
};

/// What elements of products that are no integers are, on this processor.
kernels::ElementType product_type(Precision precision);

/// What lies between x and the left factor of its product, for forward and backward.
struct InputStep {
  torch::Tensor x;     ///< float32 [T, K]; in backward undefined where nothing asks for it
  torch::Tensor gate;  ///< float32 [T, K]: activation(x) is multiplied with it; undefined: no gate
  std::optional<kernels::Activation> activation = {};  ///< needed where there is a gate

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    visit(x);
    visit(gate);
  }
};

/// The left factor of one or several products: x [T, K] behind its step, quantized or rounded as the options
/// say.
class ProductInput {
 public:
  /// x and the gate may still be written until their rows are taken. The options' activation is the step's.
  ProductInput(const torch::Tensor& x, const LinearOptions& options, const torch::Tensor& gate = {});

  /// Quantizes or rounds these rows.
  void take(const RowRange& rows);

  /// Whether rows can be taken one group at a time: no scale stands for all of them.
  bool row_by_row() const { return !quantized() || scales_.numel() != 1 || codes_.size(0) == 1; }

  bool quantized() const { return scales_.defined(); }

  /// After all rows were taken.
  Factor factor() const { return {.elements = codes_, .scales = scales_, .clips = clips_}; }

  /// The step as backward needs it: without x where nothing asks for it.
  InputStep saved_step() const;

 private:
  friend class ProductWeight;

  void quantize(const RowRange& rows);
  const float* activated(const RowRange& rows, float* out) const;

  InputStep step_;
  torch::Tensor codes_;
  torch::Tensor scales_;
  std::atomic<bool> clips_ = false;
};

/// The weight of one linear layer for the products of a forward pass.
class ProductWeight {
 public:
  /// `differentiable`: whether factor() will be asked for.
  ProductWeight(const LinearParameters& layer, const LinearOptions& options, bool differentiable);

  bool row_by_row() const { return kind_ != Kind::kFloat32; }
  std::int64_t outputs() const { return bias_.size(0); }

  const Factor& factor() const { return factor_; }

  /// The latent weight where any of it is clipped, else undefined.
  torch::Tensor clipped_latent() const { return factor_.clips ? latent_ : torch::Tensor(); }

  /// Rows of x w^T + bias, to `out`, float32 [rows, outputs].
  void multiply(const ProductInput& x, const RowRange& rows, float* out) const;

 private:
  enum class Kind { kInteger, kBf16, kFloat32 };

  Kind kind_;
  Factor factor_;
  torch::Tensor latent_;
  torch::Tensor bias_;
  torch::Tensor operand_;  ///< what the product reads: panels, or values float32 [N, K]
  int bits_ = 2;           ///< of codes
};

/// Gradients of one linear layer's parameters.
struct ParameterGradients {
  torch::Tensor weight;
  torch::Tensor bias;
};

/// A product of the forward pass.
struct ForwardProduct {
  Factor x;
  Factor weight;
  torch::Tensor latent;                                    ///< ProductWeight::clipped_latent
  kernels::ElementType type = kernels::ElementType::kF32;  ///< product_type

  template <typename Visit>
  void for_each_tensor(const Visit& visit) {
    x.for_each_tensor(visit);
    weight.for_each_tensor(visit);
    visit(latent);
  }
};

/// Whether backward of products of this type takes a group of rows at a time.
inline bool backward_is_row_by_row(kernels::ElementType type) { return type == kernels::ElementType::kBF16; }

/// Backward of one product, a group of rows at a time where backward_is_row_by_row.
class ProductBackward {
 public:
  explicit ProductBackward(const ForwardProduct& product);

  /// From what arrives at these rows of the result, [rows, N], the gradient at these rows of the left factor,
  /// [rows, K], to which it is added if `accumulate`. Groups as for_backward_row_groups gives them.
  void take(const RowRange& rows, const float* arriving, float* x, bool accumulate);

  /// After all rows.
  ParameterGradients finish();

 private:
  void multiply_f32(const float* arriving, float* x, bool accumulate);

  ForwardProduct product_;
  kernels::ArrivingGradient arriving_;
  torch::Tensor weight_panels_, input_panels_;
  std::unique_ptr<kernels::Bf16Backward> bf16_;
  ParameterGradients result_;
};

/// Takes the gradient at rows of the left factor [rows, cols] on to x, in place; with a gate, also to `gate`
/// [rows, cols]. `clips`: the factor's.
void pass_input_step(const InputStep& step, bool clips, const RowRange& rows, std::int64_t cols,
                     float* gradient, float* gate = nullptr);

}  // namespace kdqat::quant
