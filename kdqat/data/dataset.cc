#include "kdqat/data/dataset.h"

#include <exception>
#include <mutex>
#include <optional>

#include "kdqat/base/parallel.h"

namespace kdqat::data {

std::vector<std::int64_t> Dataset::lengths() const {
  std::vector<std::int64_t> result;
  for (const text::Encoding& encoding : encodings) {
    result.push_back(static_cast<std::int64_t>(encoding.input_ids.size()));
  }
  return result;
}

Batch Dataset::batch(std::span<const std::int64_t> indices) const {
  std::vector<const text::Encoding*> chosen;
  std::vector<double> chosen_labels;
  for (const std::int64_t index : indices) {
    chosen.push_back(&encodings[static_cast<std::size_t>(index)]);
    chosen_labels.push_back(labels[static_cast<std::size_t>(index)]);
  }
  return make_batch(chosen, chosen_labels, regression);
}

Dataset load_dataset(const Task& task, const std::filesystem::path& file, const text::Tokenizer& tokenizer,
                     std::int64_t max_seq_length) {
  Examples read = read_examples(task, file);
  Dataset dataset;
  dataset.regression = task.kind == TaskKind::kRegression;
  dataset.warnings = std::move(read.warnings);
  dataset.encodings.resize(read.examples.size());
  for (const Example& example : read.examples) dataset.labels.push_back(example.label);

  std::mutex mutex;
  std::exception_ptr first_error;
  base::parallel_for(0, dataset.size(), 64, [&](std::int64_t first, std::int64_t last) {
    try {
      for (std::int64_t i = first; i < last; ++i) {
        const Example& example = read.examples[static_cast<std::size_t>(i)];
        const std::optional<std::string_view> pair =
            example.pair ? std::optional<std::string_view>(*example.pair) : std::nullopt;
        dataset.encodings[static_cast<std::size_t>(i)] = tokenizer.encode(example.text, pair, max_seq_length);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = std::current_exception();
    }
  });
  if (first_error) std::rethrow_exception(first_error);
  return dataset;
}

}  // namespace kdqat::data
