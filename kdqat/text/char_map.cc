#include "kdqat/text/char_map.h"

#include "kdqat/base/error.h"
#include "kdqat/text/base64.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;

constexpr std::size_t kUnitSize = 4;

// The parts of a unit of darts-clone's double array: the byte that leads to it, how far its children are, and
// whether an entry ends there. Then the unit at its own offset holds the entry's value instead.
constexpr std::uint32_t kIsValue = 1U << 31U;
bool has_value(std::uint32_t unit) { return (unit & 1U << 8U) != 0; }
std::uint32_t label_of(std::uint32_t unit) { return unit & (kIsValue | 0xFFU); }
std::uint32_t value_of(std::uint32_t unit) { return unit & ~kIsValue; }
std::size_t offset_of(std::uint32_t unit) {
  return static_cast<std::size_t>(unit >> 10U) << ((unit & 1U << 9U) >> 6U);
}

std::uint32_t read_unit(std::string_view blob, std::size_t position) {
  std::uint32_t unit = 0;
  for (std::size_t i = kUnitSize; i-- > 0;) {
    unit = unit << 8U | static_cast<unsigned char>(blob[position + i]);
  }
  return unit;
}

bool is_character_start(std::string_view text, std::size_t position) {
  return position == text.size() || (static_cast<unsigned char>(text[position]) & 0xC0U) != 0x80U;
}

}  // namespace

CharMap::CharMap(std::string_view blob, const std::string& where) {
  if (blob.size() < kUnitSize) {
    throw FormatError(concat(where, ": expected the size of a trie, found ", blob.size(), " bytes"));
  }
  const std::size_t num_units = read_unit(blob, 0) / kUnitSize;
  if (num_units == 0 || num_units > (blob.size() - kUnitSize) / kUnitSize) {
    throw FormatError(concat(where, ": expected a trie of 1 to ", (blob.size() - kUnitSize) / kUnitSize,
                             " units, found a size of ", num_units));
  }
  units_.reserve(num_units);
  for (std::size_t i = 1; i <= num_units; ++i) units_.push_back(read_unit(blob, i * kUnitSize));
  table_ = blob.substr((1 + num_units) * kUnitSize);
  if (const auto invalid = find_invalid_utf8(table_)) {
    throw FormatError(
        concat(where, ": expected replacements in UTF-8, found an invalid byte at position ", *invalid));
  }
  check_units(where);
}

CharMap CharMap::from_json(const base::JsonFields& normalizer, std::string_view name) {
  const auto blob = decode_base64(normalizer.string_or(name, ""));
  if (!blob) normalizer.fail(name, "bytes in Base64");
  return {*blob, concat(normalizer.where(), ": ", name)};
}

void CharMap::check_units(const std::string& where) const {
  for (std::size_t i = 0; i < units_.size(); ++i) {
    if ((units_[i] & kIsValue) != 0 || !has_value(units_[i])) continue;
    const std::size_t place = i ^ offset_of(units_[i]);
    if (place >= units_.size()) {
      throw FormatError(
          concat(where, ": unit ", i, ": expected its value below ", units_.size(), ", found it at ", place));
    }
    const std::size_t begin = value_of(units_[place]);
    if (begin > table_.size() || !is_character_start(table_, begin)) {
      throw FormatError(concat(where, ": unit ", place, ": expected the start of a character below ",
                               table_.size(), ", found ", begin));
    }
    if (std::string_view(table_).substr(begin, kLongestReplacement + 1).find('\0') ==
            std::string_view::npos &&
        table_.size() - begin > kLongestReplacement) {
      throw FormatError(concat(where, ": unit ", place, ": expected a replacement of at most ",
                               kLongestReplacement, " bytes, found a longer one"));
    }
  }
}

std::optional<std::string_view> CharMap::find(std::string_view part) const {
  std::size_t place = offset_of(units_[0]);
  for (const char byte : part) {
    place ^= static_cast<unsigned char>(byte);
    if (byte == 0 || place >= units_.size()) break;
    const std::uint32_t unit = units_[place];
    if (label_of(unit) != static_cast<unsigned char>(byte)) break;
    place ^= offset_of(unit);
    if (has_value(unit)) {
      const std::string_view rest = std::string_view(table_).substr(value_of(units_[place]));
      return rest.substr(0, rest.find('\0'));
    }
  }
  return std::nullopt;
}

}  // namespace kdqat::text
