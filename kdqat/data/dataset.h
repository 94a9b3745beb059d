#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kdqat/data/batch.h"
#include "kdqat/data/example_reader.h"
#include "kdqat/data/task.h"
#include "kdqat/text/tokenizer.h"

// A split of a task, tokenized:
//
//   const Dataset dev = load_dataset(task, split_file(task, "glue/sst-2", "dev"), tokenizer, 64);
//   const Batch batch = dev.batch(std::vector<std::int64_t>{0, 1, 2});

namespace kdqat::data {

/// The tokenized examples of one file.
struct Dataset {
  std::vector<text::Encoding> encodings;
  std::vector<double> labels;  ///< ids of classes, or scores
  bool regression = false;
  std::vector<std::string> warnings;  ///< of read_examples

  std::int64_t size() const { return static_cast<std::int64_t>(encodings.size()); }
  std::vector<std::int64_t> lengths() const;  ///< tokens of each example
  Batch batch(std::span<const std::int64_t> indices) const;
};

/// Reads and tokenizes a file of the task. Throws as read_examples and text::Tokenizer::encode do.
Dataset load_dataset(const Task& task, const std::filesystem::path& file, const text::Tokenizer& tokenizer,
                     std::int64_t max_seq_length);

}  // namespace kdqat::data
