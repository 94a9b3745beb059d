#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kdqat::text {

/// What two neighbouring tokens become, and which merges go first: the one of lower rank.
struct Merge {
  std::uint32_t rank = 0;
  std::int32_t id = -1;  ///< of the merged token; -1: there is no merge
};

/// Merges by the ids of their two tokens: a hash table of open addressing, at most half full.
class MergeTable {
 public:
  explicit MergeTable(std::size_t num_merges);

  /// The later merge of the same two counts. Takes at most the number of merges that the constructor was
  /// given.
  void set(std::int32_t left, std::int32_t right, const Merge& merge);

  Merge find(std::int32_t left, std::int32_t right) const {
    return slots_[slot_of(key_of(left, right))].merge;
  }

 private:
  struct Slot {
    std::uint64_t key = kFree;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  static std::uint64_t key_of(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32U | static_cast<std::uint32_t>(right);
  }

  std::size_t slot_of(std::uint64_t key) const {
    std::uint64_t hash = (key ^ key >> 32U) * 0x9E3779B97F4A7C15U;
    hash = (hash ^ hash >> 32U) * 0xD6E8FEB86659FD93U;
    std::size_t slot = hash >> shift_;
    while (slots_[slot].key != key && slots_[slot].key != kFree) slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace kdqat::text
