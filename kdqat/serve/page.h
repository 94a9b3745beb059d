#pragma once

#include <string_view>

namespace kdqat::serve {

/// page.html, the page at /. CMake writes it into the library as a constant.
extern const std::string_view kPage;

}  // namespace kdqat::serve
