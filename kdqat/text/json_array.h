#pragma once

#include <cstddef>
#include <string_view>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::text {

/// Calls `use` with the fields of each object of an array, whose place in messages is "<where>: <name>[3]".
/// Throws FormatError unless the field is an array of objects.
template <typename Use>
void for_each_object(const base::JsonFields& fields, std::string_view name, const Use& use) {
  const nlohmann::json* const array = fields.find(name);
  if (array == nullptr || !array->is_array()) fields.fail(name, "an array of objects");
  for (std::size_t i = 0; i < array->size(); ++i) {
    use(base::JsonFields((*array)[i], base::concat(fields.where(), ": ", name, '[', i, ']')));
  }
}

}  // namespace kdqat::text
