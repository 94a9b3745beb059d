#include "kdqat/base/random.h"

#include <cmath>
#include <numbers>

namespace kdqat::base {

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low,
                                    std::uint64_t counter_high) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> words = {
      static_cast<std::uint32_t>(counter_low), static_cast<std::uint32_t>(counter_low >> 32),
      static_cast<std::uint32_t>(counter_high), static_cast<std::uint32_t>(counter_high >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * words[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * words[2];
    words = {
        static_cast<std::uint32_t>(product1 >> 32) ^ words[1] ^ key0, static_cast<std::uint32_t>(product1),
        static_cast<std::uint32_t>(product0 >> 32) ^ words[3] ^ key1, static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return words;
}

std::uint32_t Random::next() {
  if (used_ == 4) {
    words_ = philox(key_, counter_++, stream_);
    used_ = 0;
  }
  return words_[static_cast<std::size_t>(used_++)];
}

std::uint64_t Random::below(std::uint64_t bound) {
  // The words below `rejected` would make the first remainders more likely than the others.
  const std::uint64_t rejected = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t high = next();
    const std::uint64_t word = high << 32 | next();
    if (word >= rejected) return word % bound;
  }
}

double Random::uniform() {
  const std::uint64_t high = next() >> 5;
  const std::uint64_t low = next() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace kdqat::base
