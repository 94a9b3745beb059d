#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::FormatError;
using base::InvalidArgument;
using base::quote;

template <typename T>
T load(const std::byte* address) {
  T value;
  std::memcpy(&value, address, sizeof(T));  // tensors of mixed dtypes need not be aligned
  return value;
}

float float_of_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

float float_of_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0)
    return std::copysign(static_cast<float>(fraction) * 0x1p-24F, std::bit_cast<float>(sign));
  // From a bias of 15 to one of 127; infinity and NaN have the largest exponent in both.
  const std::uint32_t wide_exponent = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

template <typename Stored, typename Out, typename Convert>
void convert_elements(const TensorView& view, Out* out, Convert convert) {
  const std::size_t count = view.bytes.size() / sizeof(Stored);
  for (std::size_t i = 0; i < count; ++i)
    out[i] = convert(load<Stored>(view.bytes.data() + i * sizeof(Stored)));
}

}  // namespace

void copy_as_float(const TensorView& view, std::span<float> out) {
  if (std::cmp_not_equal(out.size(), view.num_elements())) {
    throw InvalidArgument(concat("tensor ", quote(view.name), ": expected room for ", view.num_elements(),
                                 " values, found ", out.size()));
  }
  switch (view.dtype) {
    case DType::kF32:
      return convert_elements<float>(view, out.data(), [](float value) { return value; });
    case DType::kF64:
      return convert_elements<double>(view, out.data(),
                                      [](double value) { return static_cast<float>(value); });
    case DType::kF16:
      return convert_elements<std::uint16_t>(view, out.data(), float_of_f16);
    case DType::kBF16:
      return convert_elements<std::uint16_t>(view, out.data(), float_of_bf16);
    default:
      throw FormatError(concat("tensor ", quote(view.name), ": expected F16, BF16, F32 or F64, found ",
                               name_of(view.dtype)));
  }
}

std::vector<std::int64_t> copy_as_int64(const TensorView& view) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(view.num_elements()));
  const auto widen = [](std::int64_t value) { return value; };
  switch (view.dtype) {
    case DType::kI64:
      convert_elements<std::int64_t>(view, out.data(), widen);
      break;
    case DType::kI32:
      convert_elements<std::int32_t>(view, out.data(), widen);
      break;
    case DType::kI16:
      convert_elements<std::int16_t>(view, out.data(), widen);
      break;
    case DType::kI8:
      convert_elements<std::int8_t>(view, out.data(), widen);
      break;
    case DType::kU8:
      convert_elements<std::uint8_t>(view, out.data(), widen);
      break;
    default:
      throw FormatError(concat("tensor ", quote(view.name), ": expected I64, I32, I16, I8 or U8, found ",
                               name_of(view.dtype)));
  }
  return out;
}

}  // namespace kdqat::format
