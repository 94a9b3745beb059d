#include "kdqat/data/model_task.h"

#include "kdqat/base/error.h"
#include "kdqat/base/message.h"
#include "kdqat/format/model_card.h"

namespace kdqat::data {
namespace {

/// The task over one's own data that a model was trained for, if it was.
std::optional<Task> kept_custom_task(const encoder::EncoderConfig& model) {
  const nlohmann::json kept = format::read_model_card(model.source).task;
  if (kept.is_null()) return {};
  Task task = task_from_json(kept, "config.json: kdqat.task");
  return task.name == kCustomTask ? std::optional(std::move(task)) : std::nullopt;
}

}  // namespace

Task resolve_task(const std::string& name, const std::optional<CustomTaskOptions>& options,
                  const encoder::EncoderConfig& model, const std::filesystem::path& training_data) {
  if (name != kCustomTask) return find_task(name);
  if (options) return make_custom_task(*options, training_data);
  if (std::optional<Task> task = kept_custom_task(model)) return *std::move(task);
  return make_custom_task({}, training_data);
}

text::Tokenizer load_tokenizer(const std::filesystem::path& model_dir, const encoder::EncoderConfig& config) {
  text::Tokenizer tokenizer = text::Tokenizer::load(model_dir);
  if (tokenizer.vocab_size() > config.vocab_size) {
    throw base::FormatError(base::concat(model_dir.string(), ": expected a vocabulary of at most ",
                                         config.vocab_size, " tokens (vocab_size of config.json), found ",
                                         tokenizer.vocab_size()));
  }
  return tokenizer;
}

void check_labels(const encoder::EncoderConfig& config, const Task& task, const std::filesystem::path& dir) {
  if (config.num_labels != task.num_labels()) {
    throw base::InvalidArgument(base::concat(dir.string(), ": expected a classifier with ", task.num_labels(),
                                             " labels for the task ", task.name, ", found ",
                                             config.num_labels));
  }
  const std::optional<Task> kept = kept_custom_task(config);
  if (task.name == kCustomTask && kept && kept->labels != task.labels) {
    throw base::InvalidArgument(base::concat(dir.string(), ": expected its labels ", base::list(kept->labels),
                                             " in this order, found ", base::list(task.labels)));
  }
}

void check_max_seq_length(std::int64_t max_seq_length, const encoder::EncoderConfig& config) {
  constexpr std::int64_t kSmallest = 5;  // three special tokens of a pair and a token of each text
  if (max_seq_length < kSmallest || max_seq_length > config.max_length()) {
    throw base::InvalidArgument(base::concat("max_seq_length: expected ", kSmallest, " to ",
                                             config.max_length(), " (max_position_embeddings), found ",
                                             max_seq_length));
  }
}

}  // namespace kdqat::data
