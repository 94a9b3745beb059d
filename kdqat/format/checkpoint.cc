#include "kdqat/format/checkpoint.h"

#include <map>
#include <nlohmann/json.hpp>

#include "kdqat/base/error.h"
#include "kdqat/base/json.h"
#include "kdqat/format/model_directory.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::FormatError;

/// Shards in the order of their names, with the tensors that the index expects in each.
std::map<std::string, std::vector<std::string>> read_index(const std::filesystem::path& path) {
  const nlohmann::json document = base::read_json_file(path);
  const base::JsonFields fields(document, path.string());
  const nlohmann::json* const weight_map = fields.find("weight_map");
  if (weight_map == nullptr || !weight_map->is_object() || weight_map->empty()) {
    fields.fail("weight_map", "an object of tensors and files");
  }
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, file] : weight_map->items()) {
    const std::string where = concat(path.string(), ": weight_map: ", base::quote(tensor));
    if (!file.is_string())
      throw FormatError(concat(where, ": expected a file, found ", base::describe(file)));
    const auto& name = file.get_ref<const std::string&>();
    if (name.empty() || std::filesystem::path(name).filename() != name) {
      throw FormatError(concat(where, ": expected a file of this folder, found ", base::quote(name)));
    }
    shards[name].push_back(tensor);
  }
  return shards;
}

}  // namespace

std::string CheckpointTensor::where() const {
  return concat(file->path().string(), ": tensor '", view->name, "'");
}

Checkpoint::Checkpoint(const std::filesystem::path& dir) : path_(find_weights(dir)) {
  if (path_.extension() == ".json") {
    open_shards(dir);
  } else {
    files_.push_back(std::make_unique<SafetensorsFile>(path_));
  }
  for (const auto& file : files_) {
    for (const TensorView& view : file->tensors()) tensors_.push_back({.view = &view, .file = file.get()});
  }
}

void Checkpoint::open_shards(const std::filesystem::path& dir) {
  for (const auto& [name, expected] : read_index(path_)) {
    files_.push_back(std::make_unique<SafetensorsFile>(dir / name));
    for (const std::string& tensor : expected) files_.back()->tensor(tensor);
  }
}

}  // namespace kdqat::format
