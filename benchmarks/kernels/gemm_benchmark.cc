// y = x W^T of the layers of MiniLM (384, 1536) and BERT-base (768, 3072): codes of 2, 4 and 8 bits and
// bfloat16 by every instruction set of this processor, beside oneDNN's products of int8, bfloat16 and
// float32.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/kernels/benchmarks.h"
#include "kdqat/base/error.h"
#include "kdqat/kernels/gemm/bf16_gemm.h"
#include "kdqat/kernels/gemm/s8_gemm.h"
#include "kdqat/kernels/matmul.h"

namespace kdqat::kernels {
namespace {

struct GemmSizes {
  std::int64_t rows;
  std::int64_t cols;   ///< outputs
  std::int64_t inner;  ///< inputs

  double operations() const { return 2.0 * static_cast<double>(rows * cols * inner); }
  std::string name() const { return base::concat("rows:", rows, "/", inner, "x", cols); }
};

/// Beyond so many rows the plain form takes seconds.
constexpr std::int64_t kPlainRows = 64;

/// Operands of one size in every form, and room for the result.
struct GemmData {
  explicit GemmData(const GemmSizes& sizes_)
      : sizes(sizes_),
        x(benchmark_values(1, sizes.rows * sizes.inner)),
        weights(benchmark_values(2, sizes.cols * sizes.inner)),
        row_scales(static_cast<std::size_t>(sizes.rows), 0.01F),
        bias(benchmark_values(3, sizes.cols)),
        codes(x.size()),
        x_bf16(x.size()),
        weights_bf16(weights.size()),
        bf16_panels(static_cast<std::size_t>(bf16_panel_bytes(sizes.cols, sizes.inner)) /
                    sizeof(std::uint16_t)),
        out(static_cast<std::size_t>(sizes.rows * sizes.cols)),
        sums(out.size()) {
    for (std::size_t i = 0; i < x.size(); ++i) codes[i] = static_cast<std::int8_t>(std::lround(x[i] * 40.0F));
    simd::convert_to_bf16(x.data(), static_cast<std::int64_t>(x.size()), x_bf16.data());
    simd::convert_to_bf16(weights.data(), static_cast<std::int64_t>(weights.size()), weights_bf16.data());
    pack_bf16_panels(weights.data(), sizes.cols, sizes.inner, bf16_panels.data());
    for (const int bits : {2, 4, 8}) {
      const PanelShape shape{.rows = sizes.cols, .cols = sizes.inner, .bits = bits};
      const auto largest = static_cast<float>(bits == 2 ? 1 : (1 << (bits - 1)) - 1);
      weight_codes.resize(weights.size());
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weight_codes[i] = static_cast<std::int8_t>(std::lround(weights[i] / 3.0F * largest));
      }
      panels.emplace_back(static_cast<std::size_t>(shape.bytes()));
      pack_panels(weight_codes.data(), shape, panels.back().data());
    }
  }

  void multiply_codes(int bits, simd::InstructionSet set) {
    const PanelShape shape{.rows = sizes.cols, .cols = sizes.inner, .bits = bits};
    multiply_panels({.codes = codes.data(),
                     .rows = sizes.rows,
                     .row_scales = row_scales.data(),
                     .row_scales_count = sizes.rows,
                     .panels = panels[bits == 2   ? 0
                                      : bits == 4 ? 1
                                                  : 2]
                                   .data(),
                     .weights = shape,
                     .col_scales = row_scales.data(),
                     .bias = bias.data()},
                    out.data(), set);
  }

  void multiply_bf16(simd::InstructionSet set) {
    multiply_bf16_panels({.x = x_bf16.data(),
                          .rows = sizes.rows,
                          .cols = sizes.inner,
                          .panels = bf16_panels.data(),
                          .outputs = sizes.cols},
                         out.data(), set);
  }

  void multiply_onednn(ElementType type) {
    const void* left = type == ElementType::kS8     ? static_cast<const void*>(codes.data())
                       : type == ElementType::kBF16 ? static_cast<const void*>(x_bf16.data())
                                                    : x.data();
    const void* right = type == ElementType::kS8     ? static_cast<const void*>(weight_codes.data())
                        : type == ElementType::kBF16 ? static_cast<const void*>(weights_bf16.data())
                                                     : weights.data();
    matmul({.data = left, .type = type, .rows = sizes.rows, .cols = sizes.inner},
           {.data = right, .type = type, .rows = sizes.inner, .cols = sizes.cols, .transposed = true},
           type == ElementType::kS8 ? static_cast<void*>(sums.data()) : out.data());
  }

  GemmSizes sizes;
  std::vector<float> x;
  std::vector<float> weights;
  std::vector<float> row_scales;
  std::vector<float> bias;
  std::vector<std::int8_t> codes;
  std::vector<std::int8_t> weight_codes;  ///< of 8 bits
  std::vector<std::vector<std::uint8_t>> panels;
  std::vector<std::uint16_t> x_bf16;
  std::vector<std::uint16_t> weights_bf16;
  std::vector<std::uint16_t> bf16_panels;
  std::vector<float> out;
  std::vector<std::int32_t> sums;
};

/// Made when the first benchmark of its size runs; one size at a time.
GemmData& data_of(const GemmSizes& sizes) {
  static std::unique_ptr<GemmData> data;
  if (data == nullptr || data->sizes.name() != sizes.name()) data = std::make_unique<GemmData>(sizes);
  return *data;
}

void expect(bool same, const std::string& what) {
  if (same) return;
  std::fprintf(stderr, "%s: expected the result of the plain form\n", what.c_str());
  std::exit(1);
}

/// Products of codes are integers: the same bits. Of the plain form only where it is fast enough.
void check_codes(GemmData& data, int bits, simd::InstructionSet set, const std::string& name) {
  if (data.sizes.rows > kPlainRows) return;
  data.multiply_codes(bits, simd::InstructionSet::kScalar);
  const std::vector<float> expected = data.out;
  data.multiply_codes(bits, set);
  expect(data.out == expected, name);
}

void check_bf16(GemmData& data, simd::InstructionSet set, const std::string& name) {
  data.multiply_onednn(ElementType::kBF16);
  const std::vector<float> expected = data.out;
  data.multiply_bf16(set);
  bool near = true;
  // Terms below 9, each sum of them rounded in some order.
  const float tolerance = 9.0F * static_cast<float>(data.sizes.inner) * 0x1p-24F * 32.0F;
  for (std::size_t i = 0; i < expected.size(); ++i)
    near = near && std::fabs(data.out[i] - expected[i]) < tolerance;
  expect(near, name);
}

/// Times run(data), after check(data) the first time.
template <typename Check, typename Run>
void add_gemm(const GemmSizes& sizes, const std::string& form, const Check& check, const Run& run) {
  const std::string name = base::concat("gemm/", form, "/", sizes.name());
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    GemmData& data = data_of(sizes);
    check(data, name);
    for (auto _ : state) {
      run(data);
      benchmark::ClobberMemory();
    }
    state.counters["ops"] =
        benchmark::Counter(sizes.operations(), benchmark::Counter::kIsIterationInvariantRate);
  })->UseRealTime();
}

void register_size(const GemmSizes& sizes) {
  const auto unchecked = [](GemmData&, const std::string&) {};
  for (const simd::InstructionSet set : simd::available_instruction_sets()) {
    if (set == simd::InstructionSet::kScalar && sizes.rows > kPlainRows) continue;
    for (const int bits : {2, 4, 8}) {
      add_gemm(
          sizes, base::concat("codes", bits, "/", name_of(set)),
          [=](GemmData& data, const std::string& name) { check_codes(data, bits, set, name); },
          [=](GemmData& data) { data.multiply_codes(bits, set); });
    }
    const bool has_bf16 = set == simd::InstructionSet::kAvx512Vnni || set == simd::InstructionSet::kAmx;
    if (!has_bf16 || !has_bf16_products() || !simd::has_bf16_products()) continue;
    add_gemm(
        sizes, base::concat("bf16/", name_of(set)),
        [=](GemmData& data, const std::string& name) { check_bf16(data, set, name); },
        [=](GemmData& data) { data.multiply_bf16(set); });
  }
  add_gemm(sizes, "f32/onednn", unchecked, [](GemmData& data) { data.multiply_onednn(ElementType::kF32); });
  if (has_bf16_products()) {
    add_gemm(sizes, "bf16/onednn", unchecked,
             [](GemmData& data) { data.multiply_onednn(ElementType::kBF16); });
  }
  if (int8_products_are_exact()) {
    add_gemm(sizes, "codes8/onednn", unchecked,
             [](GemmData& data) { data.multiply_onednn(ElementType::kS8); });
  }
}

}  // namespace

void register_gemm_benchmarks() {
  for (const std::int64_t rows : {1, 16, 64, 96, 2048}) {
    for (const auto& [hidden, intermediate] : {std::pair{384, 1536}, {768, 3072}}) {
      register_size({.rows = rows, .cols = hidden, .inner = hidden});
      register_size({.rows = rows, .cols = intermediate, .inner = hidden});
      register_size({.rows = rows, .cols = hidden, .inner = intermediate});
    }
  }
}

}  // namespace kdqat::kernels
