#include "kdqat/format/model_directory.h"

#include <string_view>
#include <system_error>

#include "kdqat/base/error.h"

namespace kdqat::format {
namespace {

using base::concat;
using base::FormatError;

namespace fs = std::filesystem;

// Clones, because save_file refuses tensors that share memory, as tied weights do.
constexpr std::string_view kConvertPickle =
    "python3 -c \"import torch; from safetensors.torch import save_file; save_file({k: "
    "v.contiguous().clone() for k, v in "
    "torch.load('pytorch_model.bin', map_location='cpu', weights_only=True).items()}, 'model.safetensors', "
    "{'format': 'pt'})\"";

constexpr std::string_view kMergeAdapter =
    "python3 -c \"from peft import AutoPeftModelForSequenceClassification as M; "
    "M.from_pretrained('.').merge_and_unload().save_pretrained('merged')\"";

void check_directory(const fs::path& dir) {
  std::error_code error;
  const fs::file_status status = fs::status(dir, error);
  if (!fs::exists(status)) {
    throw base::IoError(
        concat(dir.string(), ": cannot open: ", error ? error.message() : "no such directory"));
  }
  if (!fs::is_directory(status)) {
    throw base::IoError(concat(dir.string(), ": expected a model directory, found a file"));
  }
}

bool contains(const fs::path& dir, std::string_view name) {
  std::error_code error;
  const bool found = fs::exists(dir / name, error);
  if (error) throw base::IoError(concat((dir / name).string(), ": cannot open: ", error.message()));
  return found;
}

}  // namespace

fs::path find_config(const fs::path& dir) {
  check_directory(dir);
  if (contains(dir, "config.json")) return dir / "config.json";
  throw FormatError(
      concat(dir.string(), ": expected a model directory with config.json, found no such file"));
}

fs::path find_weights(const fs::path& dir) {
  check_directory(dir);
  if (contains(dir, "model.safetensors")) return dir / "model.safetensors";
  if (contains(dir, "model.safetensors.index.json")) return dir / "model.safetensors.index.json";
  if (contains(dir, "adapter_model.safetensors")) {
    throw FormatError(
        concat(dir.string(),
               ": expected the weights of a whole model, found a LoRA adapter "
               "(adapter_model.safetensors); to merge it into its model run in this directory: ",
               kMergeAdapter));
  }
  if (contains(dir, "pytorch_model.bin")) {
    throw FormatError(concat(dir.string(),
                             ": expected model.safetensors, found pytorch_model.bin; to convert it run in ",
                             "this directory: ", kConvertPickle));
  }
  throw FormatError(
      concat(dir.string(), ": expected a model directory with model.safetensors, found no such file"));
}

}  // namespace kdqat::format
