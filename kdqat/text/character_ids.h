#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kdqat::text {

/// An id for some of Unicode's characters. Pages of 256 characters, of which those without an id are one.
class CharacterIds {
 public:
  void set(char32_t character, std::int32_t id) {
    std::uint16_t& page = pages_[character / kPageSize];
    if (page == 0) {
      page = static_cast<std::uint16_t>(ids_.size() / kPageSize);
      ids_.resize(ids_.size() + kPageSize, -1);
    }
    ids_[page * kPageSize + character % kPageSize] = id;
  }

  /// -1 if there is none.
  std::int32_t find(char32_t character) const {
    return ids_[pages_[character / kPageSize] * kPageSize + character % kPageSize];
  }

 private:
  static constexpr std::size_t kPageSize = 256;
  static constexpr std::size_t kNumCharacters = 0x110000;

  std::vector<std::uint16_t> pages_ = std::vector<std::uint16_t>(kNumCharacters / kPageSize);
  std::vector<std::int32_t> ids_ = std::vector<std::int32_t>(kPageSize, -1);
};

}  // namespace kdqat::text
