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

/// Creates a folder and those above it that are not there. Throws IoError that names the folder and the
/// system's reason.
void create_folder(const std::filesystem::path& path);

/// A file mapped into memory, read only, for as long as the object lives.
class MappedFile {
 public:
  /// Throws IoError that names the file and the system's reason, or if it is no regular file. An empty file
  /// gives empty bytes.
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
/// temporary name in the same folder (`path` + ".tmp"), synced, renamed, the folder synced. What `body`
/// throws goes through and leaves nothing behind; what a killed process left is overwritten by the next
/// write. A symbolic link is replaced, not followed. Throws IoError that names the file and the system's
/// reason (a full disk, permission), if `path` is a device or pipe, and if another writer is at work on the
/// same file.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const FileSink&)>& body);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace kdqat::base
