#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace kdqat::base {

/// The bytes of a file. Throws IoError that names the file and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// A file mapped into memory, read only, for as long as the object lives.
class MappedFile {
 public:
  /// Throws IoError that names the file and the system's reason. An empty file gives empty bytes.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// Writes the pieces of a file in order; given to the body of `write_file_atomically`.
using FileSink = std::function<void(std::span<const std::byte>)>;

/// Writes `path` so that it holds either its old content or all of the new, whenever the machine stops: to a
/// temporary name in the same folder, synced, renamed, the folder synced. What `body` throws goes through and
/// leaves nothing behind. Throws IoError that names the file and the system's reason (a full disk, permission).
void write_file_atomically(const std::filesystem::path& path, const std::function<void(const FileSink&)>& body);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace kdqat::base
