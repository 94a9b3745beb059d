#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Text in fewer bytes, by zlib:
///
///   const std::vector<std::byte> small = deflate(document);
///   inflate(small, document.size(), "student.safetensors: tokenizer") == document;
namespace kdqat::format {

/// `text` in zlib's format (RFC 1950), at its best level. The same text gives the same bytes with the same
/// zlib.
std::vector<std::byte> deflate(std::string_view text);

/// The text of `size` bytes that `bytes` stand for. Memory stays at `size`, whatever the bytes are. Throws
/// FormatError that begins with `where` if they are no zlib stream or stand for a text of another size.
std::string inflate(std::span<const std::byte> bytes, std::size_t size, std::string_view where);

}  // namespace kdqat::format
