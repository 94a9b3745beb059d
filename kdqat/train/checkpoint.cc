#include "kdqat/train/checkpoint.h"

#include <array>
#include <span>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"
#include "kdqat/train/training_config.h"

namespace kdqat::train {
namespace {

constexpr int kVersion = 1;

struct NamedTensor {
  std::string name;
  torch::Tensor tensor;
};

std::vector<NamedTensor> tensors_of(BertAdam& optimizer) {
  std::vector<NamedTensor> result;
  for (const BertAdam::Slot& slot : optimizer.slots()) {
    result.push_back({"weights/" + slot.name, slot.parameter.detach()});
    result.push_back({"first_moment/" + slot.name, slot.first_moment});
    result.push_back({"second_moment/" + slot.name, slot.second_moment});
  }
  return result;
}

/// The numbers of a checkpoint. Throws FormatError that names the one that is missing or no number.
Progress progress_of(const nlohmann::json& state, const std::filesystem::path& path) {
  const auto number = [&]<typename Number>(const char* name, Number) {
    const auto entry = state.find(name);
    if (entry == state.end() || !entry->is_number()) {
      throw base::FormatError(base::concat(path.string(), ": '", name, "': expected a number, found ",
                                           entry == state.end() ? "none" : entry->type_name()));
    }
    return entry->template get<Number>();
  };
  Progress progress{.updates = number("updates", std::int64_t{}),
                    .best_score = {},
                    .best_step = number("best_step", std::int64_t{}),
                    .metrics_bytes = number("metrics_bytes", std::int64_t{}),
                    .train_seconds = number("train_seconds", double{}),
                    .evaluate_seconds = number("evaluate_seconds", double{})};
  if (state.contains("best_score")) progress.best_score = number("best_score", double{});
  return progress;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, BertAdam& optimizer, const Progress& progress,
                     const nlohmann::json& config) {
  nlohmann::json state = {{"version", kVersion},
                          {"updates", progress.updates},
                          {"best_step", progress.best_step},
                          {"metrics_bytes", progress.metrics_bytes},
                          {"train_seconds", progress.train_seconds},
                          {"evaluate_seconds", progress.evaluate_seconds},
                          {"config", config}};
  if (progress.best_score) state["best_score"] = *progress.best_score;
  std::vector<format::TensorToWrite> tensors;
  for (const NamedTensor& named : tensors_of(optimizer)) {
    if (!named.tensor.isfinite().all().item<bool>()) {
      throw base::NumericError(base::concat("checkpoint after step ", progress.updates, ": '", named.name,
                                            "': expected finite values, found NaN or infinity"));
    }
    tensors.push_back({.name = named.name,
                       .dtype = format::DType::kF32,
                       .shape = named.tensor.sizes().vec(),
                       .bytes = std::as_bytes(std::span(named.tensor.data_ptr<float>(),
                                                        static_cast<std::size_t>(named.tensor.numel())))});
  }
  format::write_safetensors(path, tensors, {{"kdqat_checkpoint", state.dump()}});
}

Progress load_checkpoint(const std::filesystem::path& path, BertAdam& optimizer,
                         const nlohmann::json& config) {
  const format::SafetensorsFile file(path);
  const auto entry = file.metadata().find("kdqat_checkpoint");
  const nlohmann::json state =
      entry == file.metadata().end()
          ? nlohmann::json()
          : nlohmann::json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || state.value("version", 0) != kVersion) {
    throw base::FormatError(
        base::concat(path.string(), ": expected a checkpoint of version ", kVersion, ", found another file"));
  }
  const std::string differs = first_difference(state.value("config", nlohmann::json::object()), config);
  if (!differs.empty()) {
    throw base::InvalidArgument(
        base::concat(path.string(), ": a run goes on with the settings that it began with; ", differs));
  }
  for (const NamedTensor& named : tensors_of(optimizer)) {
    const format::TensorView& view = file.tensor(named.name);
    if (view.shape != named.tensor.sizes().vec()) {
      throw base::FormatError(base::concat(path.string(), ": tensor '", named.name, "': expected ",
                                           format::to_string(named.tensor.sizes().vec()), ", found ",
                                           format::to_string(view.shape)));
    }
    format::copy_as_float(view,
                          {named.tensor.data_ptr<float>(), static_cast<std::size_t>(named.tensor.numel())});
  }
  const Progress progress = progress_of(state, path);
  optimizer.set_updates(progress.updates);
  return progress;
}

}  // namespace kdqat::train
