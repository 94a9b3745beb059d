#include "kdqat/format/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::describe;
using base::FormatError;
using base::InvalidArgument;
using base::JsonFields;
using base::parse_json;
using base::quote;
using nlohmann::json;
using nlohmann::ordered_json;

// The format is little-endian; here a value's bytes in memory are its bytes in the file.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 100'000'000;  // as in the reference implementation
constexpr std::size_t kAlignment = 8;
constexpr int kHeaderDepth = 3;  // the header, a tensor, its shape
constexpr std::string_view kMetadata = "__metadata__";

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<DTypeInfo, 13> kDTypes = {{
    {DType::kBool, "BOOL", 1},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kI16, "I16", 2},
    {DType::kU16, "U16", 2},
    {DType::kI32, "I32", 4},
    {DType::kU32, "U32", 4},
    {DType::kI64, "I64", 8},
    {DType::kU64, "U64", 8},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kF32, "F32", 4},
    {DType::kF64, "F64", 8},
}};

const DTypeInfo& info_of(DType dtype) {
  return *std::find_if(kDTypes.begin(), kDTypes.end(),
                       [&](const DTypeInfo& info) { return info.dtype == dtype; });
}

/// Elements times bytes each; nothing if a size is negative or a product leaves int64.
std::optional<std::int64_t> byte_count(DType dtype, const Shape& shape) {
  std::int64_t count = static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return std::nullopt;
  }
  return count;
}

/// What the header says of a tensor, before its offsets are held against the file.
struct HeaderEntry {
  std::string name;
  DType dtype;
  Shape shape;
  std::uint64_t begin;
  std::uint64_t end;
};

/// Reads the entry of one tensor; `where` names the file and the tensor.
class EntryReader {
 public:
  EntryReader(const json& entry, std::string where) : fields_(entry, std::move(where)) {}

  DType dtype() const {
    const json* const field = fields_.find("dtype");
    if (field != nullptr && field->is_string()) {
      for (const DTypeInfo& info : kDTypes) {
        if (info.name == field->get_ref<const std::string&>()) return info.dtype;
      }
    }
    std::string names;
    for (const DTypeInfo& info : kDTypes) names += concat(names.empty() ? "" : ", ", info.name);
    fields_.fail("dtype", concat("one of ", names));
  }

  Shape shape() const {
    Shape shape;
    for (const json& size : array("shape", "an array of non-negative integers")) {
      if (!size.is_number_unsigned() || !std::in_range<std::int64_t>(size.get<std::uint64_t>())) {
        throw FormatError(concat(
            fields_.where(), ": shape: expected non-negative integers of 63 bits, found ", describe(size)));
      }
      shape.push_back(size.get<std::int64_t>());
    }
    return shape;
  }

  std::pair<std::uint64_t, std::uint64_t> offsets() const {
    constexpr std::string_view kExpected = "an array of two non-negative integers";
    const json& offsets = array("data_offsets", kExpected);
    if (offsets.size() != 2) fields_.fail("data_offsets", kExpected);
    for (const json& offset : offsets) {
      if (!offset.is_number_unsigned()) {
        throw FormatError(concat(fields_.where(),
                                 ": data_offsets: expected non-negative integers of 64 bits, found ",
                                 describe(offset)));
      }
    }
    return {offsets[0].get<std::uint64_t>(), offsets[1].get<std::uint64_t>()};
  }

 private:
  const json& array(std::string_view name, std::string_view expected) const {
    const json* const field = fields_.find(name);
    if (field == nullptr || !field->is_array()) fields_.fail(name, expected);
    return *field;
  }

  JsonFields fields_;
};

std::string where_of(std::string_view file, std::string_view tensor) {
  return concat(file, ": tensor ", quote(tensor));
}

std::map<std::string, std::string> read_metadata(const json& header, const std::string& file) {
  std::map<std::string, std::string> metadata;
  const auto found = header.find(kMetadata);
  if (found == header.end()) return metadata;
  const std::string where = concat(file, ": ", kMetadata);
  if (!found->is_object()) {
    throw FormatError(concat(where, ": expected an object of strings, found ", describe(*found)));
  }
  for (const auto& [key, value] : found->items()) {
    if (!value.is_string()) {
      throw FormatError(concat(where, ": ", quote(key), ": expected a string, found ", describe(value)));
    }
    metadata.emplace(key, value.get_ref<const std::string&>());
  }
  return metadata;
}

/// The header's tensors in the order of their bytes.
std::vector<HeaderEntry> read_entries(const json& header, const std::string& file) {
  std::vector<HeaderEntry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) continue;
    const EntryReader reader(value, where_of(file, name));
    const auto [begin, end] = reader.offsets();
    entries.push_back({name, reader.dtype(), reader.shape(), begin, end});
  }
  // An empty tensor comes before the one that begins at the same byte.
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& left, const HeaderEntry& right) {
    return std::tie(left.begin, left.end, left.name) < std::tie(right.begin, right.end, right.name);
  });
  return entries;
}

/// Throws FormatError unless the entries, in order, cover `data_size` bytes without gap or overlap and each
/// has as many bytes as its shape and dtype ask for.
void check_offsets(std::span<const HeaderEntry> entries, std::uint64_t data_size, const std::string& file) {
  std::uint64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    const std::string offsets =
        concat(where_of(file, entry.name), ": offsets [", entry.begin, ", ", entry.end, "]");
    if (entry.begin > entry.end) throw FormatError(concat(offsets, ": expected begin <= end"));
    const std::optional<std::int64_t> expected = byte_count(entry.dtype, entry.shape);
    if (!expected) {
      throw FormatError(concat(where_of(file, entry.name), ": shape ", to_string(entry.shape),
                               ": expected a size in bytes below 2^63, found a larger one"));
    }
    if (std::cmp_not_equal(*expected, entry.end - entry.begin)) {
      throw FormatError(concat(offsets, " do not fit ", name_of(entry.dtype), " ", to_string(entry.shape),
                               ": expected ", *expected, " bytes, found ", entry.end - entry.begin));
    }
    if (entry.end > data_size) {
      throw FormatError(concat(offsets, " are outside of the file: expected at most ", data_size,
                               " (the bytes after the header), found ", entry.end));
    }
    if (entry.begin != covered) {
      throw FormatError(concat(offsets, entry.begin < covered ? " overlap the tensor before" : " leave a gap",
                               ": expected begin ", covered, ", found ", entry.begin));
    }
    covered = entry.end;
  }
  if (covered != data_size) {
    throw FormatError(concat(file, ": expected ", covered, " bytes after the header, found ", data_size));
  }
}

std::string_view header_text(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.size() < kLengthBytes) {
    throw FormatError(concat(file, ": expected at least ", kLengthBytes,
                             " bytes (the length of the header), found ", bytes.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    throw FormatError(concat(file, ": expected a header of at most ", kMaxHeaderBytes,
                             " bytes, found a length of ", length));
  }
  const std::size_t rest = bytes.size() - kLengthBytes;
  if (length > rest) {
    throw FormatError(
        concat(file, ": expected a header of ", length, " bytes, found ", rest, " (the file is cut short)"));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  // The format asks for this, and the JSON parser would let white space or a byte-order mark pass.
  if (!text.starts_with('{')) {
    throw FormatError(concat(file, ": header: expected '{' first, found ",
                             text.empty() ? "an empty header" : quote(text.substr(0, 1))));
  }
  return text;
}

/// Throws InvalidArgument unless the tensors can be written under the names and shapes given.
void check_tensors(std::span<const TensorToWrite> tensors, const std::string& file) {
  std::set<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    const std::string where = where_of(file, tensor.name);
    if (tensor.name == kMetadata) throw InvalidArgument(concat(where, ": this name is reserved"));
    if (!names.insert(tensor.name).second) {
      throw InvalidArgument(concat(where, ": expected each name once, found it twice"));
    }
    const std::optional<std::int64_t> expected = byte_count(tensor.dtype, tensor.shape);
    if (!expected) {
      throw InvalidArgument(concat(where, ": expected sizes that make less than 2^63 bytes, found ",
                                   name_of(tensor.dtype), " ", to_string(tensor.shape)));
    }
    if (std::cmp_not_equal(*expected, tensor.bytes.size())) {
      throw InvalidArgument(concat(where, ": expected ", *expected, " bytes for ", name_of(tensor.dtype), " ",
                                   to_string(tensor.shape), ", found ", tensor.bytes.size()));
    }
  }
}

/// The header for the tensors in this order, padded with spaces to a multiple of kAlignment.
std::string make_header(std::span<const TensorToWrite* const> tensors,
                        const std::map<std::string, std::string>& metadata, const std::string& file) {
  // The text is put together by hand because a JSON object would take time quadratic in the number of tensors
  // to keep their order.
  std::string header = "{";
  const auto append = [&header](std::string_view name, const ordered_json& value) {
    header += concat(header.size() == 1 ? "" : ",", ordered_json(name).dump(), ":", value.dump());
  };
  try {
    if (!metadata.empty()) append(kMetadata, metadata);
    std::size_t begin = 0;
    for (const TensorToWrite* tensor : tensors) {
      const std::size_t end = begin + tensor->bytes.size();
      append(tensor->name,
             {{"dtype", name_of(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {begin, end}}});
      begin = end;
    }
  } catch (const ordered_json::type_error&) {
    throw InvalidArgument(concat(file, ": expected names and metadata in UTF-8, found other bytes"));
  }
  header += '}';
  header.append((kAlignment - header.size() % kAlignment) % kAlignment, ' ');
  if (header.size() > kMaxHeaderBytes) {
    throw InvalidArgument(concat(file, ": expected names and metadata that make a header of at most ",
                                 kMaxHeaderBytes, " bytes, found ", header.size()));
  }
  return header;
}

}  // namespace

std::size_t size_of(DType dtype) { return info_of(dtype).size; }

std::string_view name_of(DType dtype) { return info_of(dtype).name; }

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) text += concat(text.size() == 1 ? "" : ", ", size);
  return text + "]";
}

std::int64_t TensorView::num_elements() const {
  return static_cast<std::int64_t>(bytes.size() / size_of(dtype));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::string file = path.string();
  const std::string_view text = header_text(file_.bytes(), file);
  const json header = parse_json(text, concat(file, ": header"), kHeaderDepth);
  metadata_ = read_metadata(header, file);

  const std::span<const std::byte> data = file_.bytes().subspan(kLengthBytes + text.size());
  std::vector<HeaderEntry> entries = read_entries(header, file);
  check_offsets(entries, data.size(), file);
  for (HeaderEntry& entry : entries) {
    index_.emplace(entry.name, tensors_.size());
    tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                        data.subspan(entry.begin, entry.end - entry.begin)});
  }
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& SafetensorsFile::tensor(std::string_view name) const {
  const TensorView* const view = find(name);
  if (view == nullptr) {
    throw FormatError(concat(where_of(path_.string(), name), ": expected in this file, found ",
                             tensors_.size(), " other tensors"));
  }
  return *view;
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string file = path.string();
  check_tensors(tensors, file);
  std::vector<const TensorToWrite*> ordered;
  for (const TensorToWrite& tensor : tensors) ordered.push_back(&tensor);
  std::stable_sort(ordered.begin(), ordered.end(), [](const TensorToWrite* left, const TensorToWrite* right) {
    return size_of(left->dtype) > size_of(right->dtype);
  });
  const std::string header = make_header(ordered, metadata, file);
  base::write_file_atomically(path, [&](const base::FileSink& sink) {
    const std::uint64_t length = header.size();
    sink(std::as_bytes(std::span(&length, 1)));
    sink(std::as_bytes(std::span(header)));
    for (const TensorToWrite* tensor : ordered) sink(tensor->bytes);
  });
}

}  // namespace kdqat::format
