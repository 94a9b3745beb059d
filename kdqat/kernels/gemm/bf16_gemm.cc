#include "kdqat/kernels/gemm/bf16_gemm.h"

#include "kdqat/base/error.h"
#include "kdqat/kernels/gemm/gemm.h"

namespace kdqat::kernels {

GemmKernel bf16_kernel(simd::InstructionSet set) {
  if (!simd::has_bf16_products()) throw base::InvalidArgument("this processor has no bf16 products");
  if (!is_available(set))
    throw base::InvalidArgument(base::concat("this processor has no ", name_of(set), " products"));
#if defined(__x86_64__)
  return set == simd::InstructionSet::kAmx ? amx_bf16_kernel() : avx512_bf16_kernel();
#else
  throw base::InvalidArgument("bf16 products are built for x86-64 only");
#endif
}

void multiply_bf16_panels(const Bf16Product& product, float* out, simd::InstructionSet set) {
  const GemmKernel kernel = bf16_kernel(set);
  thread_local LeftCopies copies;
  const std::int64_t row_bytes = product.cols * static_cast<std::int64_t>(sizeof(std::uint16_t));
  const LeftOperand left = left_operand(product.x, product.rows, row_bytes, kernel, copies);
  run_gemm(kernel, {.left = left,
                    .panels = product.panels,
                    .panel_stride = bf16_panel_lines(product.cols) * kLineBytes,
                    .lines = left.row_stride / kSliceBytes,
                    .inner = product.cols,
                    .cols = product.outputs,
                    .out = out,
                    .accumulate = product.accumulate,
                    .prefetch_out = true,
                    .bias = product.bias});
}

}  // namespace kdqat::kernels
