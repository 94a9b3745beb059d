#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/file.h"

namespace kdqat::format {

enum class DType { kBool, kU8, kI8, kI16, kU16, kI32, kU32, kI64, kU64, kF16, kBF16, kF32, kF64 };

std::size_t size_of(DType dtype);       ///< bytes an element
std::string_view name_of(DType dtype);  ///< as in a safetensors header: "F32"

using Shape = std::vector<std::int64_t>;

/// "[2, 3]", for messages.
std::string to_string(const Shape& shape);

/// A tensor in a file: its bytes, little-endian and row-major, live as long as the SafetensorsFile.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;

  std::int64_t num_elements() const;
};

/// A file in the safetensors container: eight bytes of header length, a JSON header, the tensors' bytes.
/// Memory-mapped. Everything about it is checked when it is opened, so a view is always inside of the file.
class SafetensorsFile {
 public:
  /// Throws IoError if the file can't be read and FormatError, naming the file, what was expected and what
  /// was found, if it is shorter than its header says, the header is not the JSON that the format asks for
  /// (an object, no duplicate names, known dtypes, shapes of non-negative integers whose product does not
  /// overflow), or a tensor's offsets are out of range, overlap, leave a gap or do not fit its shape and
  /// dtype.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< in the order of their bytes

  /// nullptr if there is none of this name.
  const TensorView* find(std::string_view name) const;

  /// Throws FormatError that names file and tensor if there is none.
  const TensorView& tensor(std::string_view name) const;

 private:
  std::filesystem::path path_;
  base::MappedFile file_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// A floating-point tensor (F16, BF16, F32, F64) as float32, written to `out`, which holds num_elements()
/// values; exact but for F64, which is rounded to the nearest float. Throws FormatError that names the tensor
/// and its dtype if it is of another kind, InvalidArgument if `out` is of another size.
void copy_as_float(const TensorView& view, std::span<float> out);

/// An integer tensor (I64, I32, I16, I8, U8) as int64. Throws FormatError as copy_as_float does.
std::vector<std::int64_t> copy_as_int64(const TensorView& view);

/// A tensor to write; the bytes are the caller's until `write_safetensors` returns.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
};

/// Writes a safetensors file atomically (base::write_file_atomically). As in the reference implementation the
/// bytes of the tensors begin at a multiple of eight and larger elements come first, so that every tensor is
/// aligned to its elements; tensors of one element size stay in the order given. The same input gives the
/// same bytes. Throws InvalidArgument for a duplicate or reserved name ("__metadata__"), for bytes that do
/// not fit shape and dtype, for text that is not UTF-8 and for a header above the format's 100 MB; IoError as
/// write_file_atomically does.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace kdqat::format
