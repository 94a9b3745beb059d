#include "kdqat/text/tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kdqat/base/error.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;
using nlohmann::json;

std::int64_t read_id(const std::string& where, const std::string& token, const json& value,
                     std::int64_t greatest) {
  // A number above the largest int64 is stored as unsigned; as int64 it would wrap around.
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() && std::cmp_greater(value.get<std::uint64_t>(), greatest));
  if (!fits || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > greatest) {
    throw FormatError(concat(where, ": ", base::quote(token), ": expected an id from 0 to ", greatest,
                             ", found ", base::describe(value)));
  }
  return value.get<std::int64_t>();
}

}  // namespace

Tokens::Tokens(std::vector<std::string> tokens)
    : tokens_(std::move(tokens)), sorted_(sort_by_bytes(tokens_)) {}

Tokens Tokens::from_object(const base::JsonFields& model, std::string_view name) {
  const json* const field = model.find(name);
  if (field == nullptr || !field->is_object()) model.fail(name, "an object of tokens and their ids");
  const std::string where = concat(model.where(), ": ", name);
  const auto& object = field->get_ref<const json::object_t&>();
  const std::int64_t greatest = static_cast<std::int64_t>(object.size()) - 1 + kMostHoles;

  Tokens tokens;
  std::vector<bool> is_taken;
  for (const auto& [token, value] : object) {  // in the order of the tokens' bytes
    const auto id = static_cast<std::size_t>(read_id(where, token, value, greatest));
    if (id >= tokens.tokens_.size()) {
      tokens.tokens_.resize(id + 1);
      is_taken.resize(id + 1);
    }
    if (is_taken[id]) {
      throw FormatError(concat(where, ": ", base::quote(token), ": expected an id of its own, found ", id,
                               ", the id of ", base::quote(tokens.tokens_[id])));
    }
    is_taken[id] = true;
    tokens.tokens_[id] = token;
    tokens.sorted_.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

std::optional<std::int32_t> Tokens::find(std::string_view token) const {
  const auto behind = std::upper_bound(
      sorted_.begin(), sorted_.end(), token,
      [&](std::string_view wanted, std::int32_t id) { return wanted < std::string_view((*this)[id]); });
  if (behind == sorted_.begin() || (*this)[*(behind - 1)] != token) return std::nullopt;
  return *(behind - 1);
}

}  // namespace kdqat::text
