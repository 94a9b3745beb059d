#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/simd/instruction_set.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::runtime {

/// How an engine works; what is not given is as the machine allows.
struct EngineOptions {
  int threads = 0;                  ///< of one call; 0: every processor that the process may use
  std::int64_t max_seq_length = 0;  ///< tokens at which a text is cut; 0: as the model was trained
  std::optional<simd::InstructionSet> instruction_set = {};  ///< simd::default_instruction_set()
};

/// A sentence, or a pair of them.
struct Text {
  std::string_view text;
  std::optional<std::string_view> pair = {};
};

/// What a classifier says of one text.
struct Classification {
  std::int64_t label = 0;      ///< the class with the largest logit, the first of equals; 0 for a regression
  std::vector<float> logits;   ///< [C]
  std::vector<double> scores;  ///< [C]: softmax of the logits; of a regression its one value
};

/// A packed model that answers: the one entry of this library.
///
///   const Engine engine("student.packed.safetensors");
///   const std::vector<Classification> answers = engine.classify(std::vector<Text>{{"a fine film"}});
///
/// Any number of threads may call a const Engine at a time. It keeps the file mapped and the memory of past
/// calls for the next ones. Same text, same answer: neither the rest of a batch nor the thread count nor the
/// instruction set changes a bit of it.
class Engine {
 public:
  /// Throws IoError if the file can't be read; FormatError that names the file and what is wrong with it;
  /// InvalidArgument for options that can't be met.
  explicit Engine(const std::filesystem::path& path, const EngineOptions& options = {});
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  /// Throws InvalidArgument for a text that is not UTF-8; it names the text's position in the batch.
  std::vector<Classification> classify(std::span<const Text> texts) const;

  /// The mean of the last hidden states of each text, [texts, embedding_size()] row-major. Throws as
  /// classify.
  std::vector<float> embed(std::span<const Text> texts) const;

  /// Token ids of a text, cut to max_seq_length(). Throws InvalidArgument for a text that is not UTF-8.
  text::Encoding encode(const Text& text) const;

  /// The same from token ids. Throws InvalidArgument that names the sentence for one that is empty, longer
  /// than the model's positions, or has an id or type outside of its range.
  std::vector<Classification> classify(std::span<const text::Encoding> sentences) const;
  std::vector<float> embed(std::span<const text::Encoding> sentences) const;

  const std::vector<std::string>& labels() const;  ///< names of the classes; one for a regression
  bool is_regression() const;
  std::int64_t embedding_size() const;
  std::int64_t vocab_size() const;
  std::int64_t max_seq_length() const;
  simd::InstructionSet instruction_set() const;
  int threads() const;

  /// What the model is and where it comes from: its config.json, the "kdqat" section included.
  const nlohmann::json& config() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kdqat::runtime
