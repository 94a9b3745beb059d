#include "kdqat/text/merge_table.h"

#include <bit>

namespace kdqat::text {

MergeTable::MergeTable(std::size_t num_merges)
    : slots_(std::bit_ceil(2 * (num_merges + 1))), shift_(64 - std::countr_zero(slots_.size())) {}

void MergeTable::set(std::int32_t left, std::int32_t right, const Merge& merge) {
  const std::uint64_t key = key_of(left, right);
  slots_[slot_of(key)] = {.key = key, .merge = merge};
}

}  // namespace kdqat::text
