#pragma once

#include <string_view>

namespace kdqat::serve {

/// The page at /, page.html.
extern const std::string_view kPage;

}  // namespace kdqat::serve
