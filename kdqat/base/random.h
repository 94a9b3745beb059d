#pragma once

#include <array>
#include <cstdint>

// Random numbers without hidden state: the same seed and position give the same number on every machine.
//
//   base::Random random(/*seed=*/42, /*stream=*/1);
//   random.shuffle(indices);

namespace kdqat::base {

/// Four random 32-bit words of the counter-based generator Philox4x32-10 (Salmon et al., SC 2011). It is a
/// pure function of key and counter: a draw can be repeated from its position alone, and no state has to be
/// saved.
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high);

/// A sequence of random numbers of one seed and stream. A copy continues from the same place, independently.
class Random {
 public:
  /// Streams of one seed are independent.
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0) : key_(seed), stream_(stream) {}

  /// Uniform on all 32-bit words.
  std::uint32_t next();

  /// Uniform on 0 .. bound - 1 without bias. bound >= 1.
  std::uint64_t below(std::uint64_t bound);

  /// Uniform on [0, 1).
  double uniform();

  /// Normal with mean 0 and standard deviation 1 (Box and Muller, 1958).
  double normal();

  /// Fisher-Yates shuffle of items[0 .. size).
  template <typename Container>
  void shuffle(Container& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t key_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
  std::array<std::uint32_t, 4> words_{};
  int used_ = 4;
};

}  // namespace kdqat::base
