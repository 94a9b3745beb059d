#include "kdqat/format/deflate.h"

#include <zlib.h>

#include "kdqat/base/error.h"

namespace kdqat::format {

std::vector<std::byte> deflate(std::string_view text) {
  uLongf size = compressBound(static_cast<uLong>(text.size()));
  std::vector<std::byte> bytes(size);
  const int status =
      compress2(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
                static_cast<uLong>(text.size()), Z_BEST_COMPRESSION);
  if (status != Z_OK) throw base::Error(base::concat("zlib: expected to compress, found error ", status));
  bytes.resize(size);
  return bytes;
}

std::string inflate(std::span<const std::byte> bytes, std::size_t size, std::string_view where) {
  std::string text(size, '\0');
  uLongf found = static_cast<uLongf>(size);
  const int status =
      uncompress(reinterpret_cast<Bytef*>(text.data()), &found, reinterpret_cast<const Bytef*>(bytes.data()),
                 static_cast<uLong>(bytes.size()));
  if (status != Z_OK || found != size) {
    throw base::FormatError(
        base::concat(where, ": expected a zlib stream of ", size, " bytes, found another"));
  }
  return text;
}

}  // namespace kdqat::format
