#include "kdqat/kernels/matmul.h"

#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"

namespace kdqat::kernels {
namespace {

using dnnl::memory;

memory::data_type dnnl_type(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return memory::data_type::f32;
    case ElementType::kBF16:
      return memory::data_type::bf16;
    case ElementType::kS8:
      return memory::data_type::s8;
  }
  throw base::InvalidArgument("matmul: unknown element type");
}

memory::desc describe(const MatrixView& view) {
  const memory::dims strides = view.transposed ? memory::dims{1, view.rows} : memory::dims{view.cols, 1};
  return {{view.rows, view.cols}, dnnl_type(view.type), strides};
}

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

void check(const MatrixView& left, const MatrixView& right, const MatmulOptions& options) {
  if (left.cols != right.rows) {
    throw base::InvalidArgument(
        base::concat("matmul: expected as many rows on the right as columns on the left, found [", left.rows,
                     ", ", left.cols, "] x [", right.rows, ", ", right.cols, "]"));
  }
  if (left.type != right.type) throw base::InvalidArgument("matmul: expected factors of one type, found two");
  const bool codes = left.type == ElementType::kS8;
  if ((codes || left.cols == 0) && (options.bias != nullptr || options.accumulate)) {
    throw base::InvalidArgument(
        "matmul: expected no bias and no accumulation for int8 codes or an empty product");
  }
  // The left factor is shifted to 0..255 there: 2 * 255 * magnitude has to fit into 16 bits.
  if (codes && !int8_products_are_exact() && options.right_magnitude > 64) {
    throw base::InvalidArgument(base::concat("matmul: int8 codes up to ", options.right_magnitude,
                                             " would saturate on this processor: expected at most 64"));
  }
}

}  // namespace

void matmul(const MatrixView& left, const MatrixView& right, void* out, const MatmulOptions& options) {
  check(left, right, options);
  if (left.rows == 0 || right.cols == 0) return;
  if (left.cols == 0) {
    std::fill_n(static_cast<float*>(out), left.rows * right.cols, 0.0F);
    return;
  }
  const memory::desc left_desc = describe(left);
  const memory::desc right_desc = describe(right);
  const memory::desc out_desc({left.rows, right.cols},
                              left.type == ElementType::kS8 ? memory::data_type::s32 : memory::data_type::f32,
                              memory::dims{right.cols, 1});
  const memory::desc bias_desc =
      options.bias == nullptr
          ? memory::desc()
          : memory::desc({1, right.cols}, memory::data_type::f32, memory::dims{right.cols, 1});
  dnnl::primitive_attr attributes;
  if (options.accumulate) {
    dnnl::post_ops operations;
    operations.append_sum();
    attributes.set_post_ops(operations);
  }
  // oneDNN keeps what it compiled for these shapes and threads in a cache of its own.
  const dnnl::matmul::primitive_desc description({left_desc, right_desc, bias_desc, out_desc}, attributes,
                                                 cpu_engine());
  const dnnl::matmul product(description);
  dnnl::stream stream(cpu_engine());
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, {left_desc, cpu_engine(), const_cast<void*>(left.data)}},
      {DNNL_ARG_WEIGHTS, {right_desc, cpu_engine(), const_cast<void*>(right.data)}},
      {DNNL_ARG_DST, {out_desc, cpu_engine(), out}}};
  if (options.bias != nullptr) {
    arguments.insert({DNNL_ARG_BIAS, {bias_desc, cpu_engine(), const_cast<float*>(options.bias)}});
  }
  product.execute(stream, arguments);
  stream.wait();
}

bool has_bf16_products() {
  static const bool result = [] {
    const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
    return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
  }();
  return result;
}

bool int8_products_are_exact() {
  static const bool result = [] {
    const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
    return isa == dnnl::cpu_isa::avx512_core_vnni || isa == dnnl::cpu_isa::avx512_core_bf16 ||
           isa == dnnl::cpu_isa::avx512_core_amx || isa == dnnl::cpu_isa::avx2_vnni;
  }();
  return result;
}

}  // namespace kdqat::kernels
