#include "kdqat/kernels/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kdqat/base/parallel.h"
#include "kdqat/simd/multiversion.h"

namespace kdqat::kernels {
namespace {

/// Draws of one value of the counter: 16 bits each of the generator's 128.
constexpr std::int64_t kDraws = 8;

/// Counters whose words are computed together, so that the loops over them become vector code.
constexpr std::int64_t kCounters = 16;

using Words = std::array<std::uint32_t, kCounters>;

/// base::philox of the counters first .. first + kCounters - 1, word by word.
KDQAT_MULTIVERSION
void philox_words(const DropoutPlace& place, std::uint64_t first, Words* out) {
  const std::uint64_t high = place.update << 16 | place.site;
  Words word0;
  Words word1;
  Words word2;
  Words word3;
  for (std::size_t i = 0; i < kCounters; ++i) {
    word0[i] = static_cast<std::uint32_t>(first + i);
    word1[i] = static_cast<std::uint32_t>((first + i) >> 32);
    word2[i] = static_cast<std::uint32_t>(high);
    word3[i] = static_cast<std::uint32_t>(high >> 32);
  }
  auto key0 = static_cast<std::uint32_t>(place.seed);
  auto key1 = static_cast<std::uint32_t>(place.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < kCounters; ++i) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53} * word0[i];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * word2[i];
      word0[i] = static_cast<std::uint32_t>(product1 >> 32) ^ word1[i] ^ key0;
      word1[i] = static_cast<std::uint32_t>(product1);
      word2[i] = static_cast<std::uint32_t>(product0 >> 32) ^ word3[i] ^ key1;
      word3[i] = static_cast<std::uint32_t>(product0);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  out[0] = word0;
  out[1] = word1;
  out[2] = word2;
  out[3] = word3;
}

/// keep of kDraws * kCounters elements from a block's words: element i is the half word i / kCounters of
/// counter i % kCounters, so that neighbours lie in neighbouring lanes.
KDQAT_MULTIVERSION
void compare(const Words* words, std::uint32_t threshold, std::uint8_t* keep) {
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    const std::uint32_t shift = 16 * (draw % 2);
    for (std::size_t i = 0; i < kCounters; ++i) {
      const std::uint32_t bits = words[draw / 2][i] >> shift & 0xFFFF;
      keep[draw * kCounters + i] = bits < threshold ? std::uint8_t{0} : std::uint8_t{1};
    }
  }
}

KDQAT_MULTIVERSION
void drop(const std::uint8_t* keep, float factor, const float* values, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = keep[i] != 0 ? values[i] * factor : 0.0F;
}

KDQAT_MULTIVERSION
void drop_and_add(const std::uint8_t* keep, float factor, const float* x, const float* residual,
                  std::int64_t count, float* out) {
  if (keep == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) out[i] = x[i] + residual[i];
  } else {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < count; ++i) out[i] = (keep[i] != 0 ? x[i] * factor : 0.0F) + residual[i];
  }
}

/// Elements that are worth a thread.
constexpr std::int64_t kDropoutGrain = 32768;

}  // namespace

void apply_dropout(const Dropout& dropout, std::int64_t first, const float* values, std::int64_t count,
                   float* out) {
  drop(dropout.keep + first, dropout.factor, values, count, out);
}

void add_dropout(const Dropout& dropout, const float* x, const float* residual, std::int64_t count,
                 float* out) {
  base::parallel_for(0, count, kDropoutGrain, [&](std::int64_t first, std::int64_t last) {
    const std::uint8_t* keep = dropout.keep == nullptr ? nullptr : dropout.keep + first;
    drop_and_add(keep, dropout.factor, x + first, residual + first, last - first, out + first);
  });
}

void add_dropout_backward(const Dropout& dropout, const float* grad_output, std::int64_t count,
                          float* x_gradient) {
  base::parallel_for(0, count, kDropoutGrain, [&](std::int64_t first, std::int64_t last) {
    if (dropout.keep != nullptr) {
      apply_dropout(dropout, first, grad_output + first, last - first, x_gradient + first);
    } else if (x_gradient != grad_output) {
      std::copy_n(grad_output + first, last - first, x_gradient + first);
    }
  });
}

void fill_dropout_mask(const DropoutPlace& place, double probability, std::int64_t count,
                       std::uint8_t* keep) {
  constexpr std::int64_t kElements = kDraws * kCounters;
  const auto threshold = static_cast<std::uint32_t>(std::lround(probability * 65536.0));
  base::parallel_for(0, (count + kElements - 1) / kElements, 64, [&](std::int64_t first, std::int64_t last) {
    std::array<Words, 4> words;
    std::array<std::uint8_t, kElements> tail;
    for (std::int64_t block = first; block < last; ++block) {
      philox_words(place, static_cast<std::uint64_t>(block * kCounters), words.data());
      std::uint8_t* out = keep + block * kElements;
      const std::int64_t size = std::min(kElements, count - block * kElements);
      compare(words.data(), threshold, size == kElements ? out : tail.data());
      if (size < kElements) std::copy_n(tail.data(), size, out);
    }
  });
}

}  // namespace kdqat::kernels
