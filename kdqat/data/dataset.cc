#include "kdqat/data/dataset.h"

#include <algorithm>
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

  constexpr std::int64_t kTogether = 64;
  base::parallel_tasks((dataset.size() + kTogether - 1) / kTogether, [&](std::int64_t piece) {
    const std::int64_t last = std::min(dataset.size(), (piece + 1) * kTogether);
    for (std::int64_t i = piece * kTogether; i < last; ++i) {
      const Example& example = read.examples[static_cast<std::size_t>(i)];
      const std::optional<std::string_view> pair =
          example.pair ? std::optional<std::string_view>(*example.pair) : std::nullopt;
      dataset.encodings[static_cast<std::size_t>(i)] = tokenizer.encode(example.text, pair, max_seq_length);
    }
  });
  return dataset;
}

}  // namespace kdqat::data
