#include "kdqat/runtime/engine.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/format/packed_model.h"
#include "kdqat/runtime/encoder.h"
#include "kdqat/runtime/weights.h"
#include "kdqat/text/bert_document.h"

namespace kdqat::runtime {
namespace {

using base::concat;
using base::FormatError;
using base::InvalidArgument;
using Group = std::span<const text::Encoding* const>;

/// Tokens whose activations stay in a core's cache from one layer to the next.
constexpr std::int64_t kGroupTokens = 96;

/// The tokenizer.json document of a file, whatever its version.
nlohmann::json read_tokenizer_document(const format::SafetensorsFile& file,
                                       const format::PackedHeader& header) {
  if (header.version > 1) return format::read_packed_tokenizer(file, header);
  const format::TensorView& view = file.tensor(format::kVocabularyTensor);
  const std::string where = concat(file.path().string(), ": tensor '", format::kVocabularyTensor, "'");
  if (view.dtype != format::DType::kU8 || view.shape.size() != 1) {
    throw FormatError(concat(where, ": expected U8 of one dimension, found ", format::name_of(view.dtype),
                             " ", format::to_string(view.shape)));
  }
  const std::string_view tokens(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size());
  return text::make_version_1_document(header.tokenizer, text::split_lines(tokens), where);
}

text::Tokenizer make_tokenizer(const format::SafetensorsFile& file, const format::PackedHeader& header,
                               std::int64_t rows) {
  const std::string where =
      concat(file.path().string(), ": tensor '",
             header.version > 1 ? format::kTokenizerTensor : format::kVocabularyTensor, "'");
  text::Tokenizer tokenizer(read_tokenizer_document(file, header), where);
  if (tokenizer.vocab_size() > rows) {
    throw FormatError(concat(where, ": expected at most ", rows, " tokens, the rows of the embedding, found ",
                             tokenizer.vocab_size()));
  }
  return tokenizer;
}

std::int64_t token_count(const text::Encoding& sentence) {
  return static_cast<std::int64_t>(sentence.input_ids.size());
}

/// Cuts a batch into runs of sentences that one thread takes through the encoder.
std::vector<Group> cut_into_groups(Group sentences, int threads) {
  std::int64_t total = 0;
  for (const text::Encoding* sentence : sentences) total += token_count(*sentence);
  // As many groups for each thread, so that all end together.
  const std::int64_t rounds = (total + kGroupTokens * threads - 1) / (kGroupTokens * threads);
  const std::int64_t wanted = std::max<std::int64_t>(1, total / std::max<std::int64_t>(1, rounds * threads));
  std::vector<Group> groups;
  std::size_t first = 0;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const std::int64_t count = token_count(*sentences[i]);
    // A sentence joins a group if that brings it nearer to what is wanted.
    if (i > first && tokens + count / 2 > wanted) {
      groups.push_back(sentences.subspan(first, i - first));
      first = i;
      tokens = 0;
    }
    tokens += count;
  }
  if (first < sentences.size()) groups.push_back(sentences.subspan(first));
  return groups;
}

Classification classification_of(std::span<const float> logits) {
  Classification result{.label = std::max_element(logits.begin(), logits.end()) - logits.begin(),
                        .logits = {logits.begin(), logits.end()},
                        .scores = {}};
  if (logits.size() == 1) {
    result.scores = {static_cast<double>(logits[0])};
    return result;
  }
  const auto largest = static_cast<double>(logits[static_cast<std::size_t>(result.label)]);
  double sum = 0.0;
  for (const float logit : logits) {
    result.scores.push_back(std::exp(static_cast<double>(logit) - largest));
    sum += result.scores.back();
  }
  for (double& score : result.scores) score /= sum;
  return result;
}

/// Memory of passes, lent to one thread at a time.
class WorkspacePool {
 public:
  std::unique_ptr<Workspace> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }

  void give_back(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(workspace));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace

struct Engine::State {
  State(const std::filesystem::path& path, const EngineOptions& options)
      : file(path),
        header(format::read_packed_header(file)),
        config(encoder::encoder_config_from_json(header.config, file.path().string() + ": metadata: config")),
        weights(find_weights(file, header, config)),
        tokenizer(make_tokenizer(file, header, config.vocab_size)),
        threads(options.threads == 0 ? base::available_processors() : options.threads),
        instruction_set(options.instruction_set ? *options.instruction_set
                                                : kernels::default_instruction_set()),
        encoder(config, weights, instruction_set) {
    if (threads < 1) throw InvalidArgument(concat("threads: expected at least 1, found ", threads));
    const std::int64_t positions = config.max_length();
    max_seq_length =
        options.max_seq_length == 0 ? std::min(header.max_seq_length, positions) : options.max_seq_length;
    if (max_seq_length < 3 || max_seq_length > positions) {
      throw InvalidArgument(concat("max_seq_length: expected from 3 to ", positions,
                                   ", the model's positions, found ", max_seq_length));
    }
    if (!kernels::is_available(instruction_set)) {
      throw InvalidArgument(
          concat("instruction set: this processor has no ", kernels::name_of(instruction_set)));
    }
  }

  void check(std::span<const text::Encoding> sentences) const {
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      const text::Encoding& sentence = sentences[i];
      const std::int64_t count = token_count(sentence);
      if (count < 1 || count > config.max_length()) {
        throw InvalidArgument(
            concat("sentence ", i, ": expected from 1 to ", config.max_length(), " tokens, found ", count));
      }
      if (sentence.token_type_ids.size() != sentence.input_ids.size()) {
        throw InvalidArgument(concat("sentence ", i, ": expected a type for each of its ", count,
                                     " tokens, found ", sentence.token_type_ids.size()));
      }
      check_ids(sentence.input_ids, config.vocab_size, "token id", i);
      if (config.type_vocab_size > 0 && !config.only_first_token_type) {
        check_ids(sentence.token_type_ids, config.type_vocab_size, "type", i);
      }
    }
  }

  static void check_ids(const std::vector<std::int32_t>& ids, std::int64_t count, const char* what,
                        std::size_t sentence) {
    for (const std::int32_t id : ids) {
      if (id < 0 || id >= count) {
        throw InvalidArgument(
            concat("sentence ", sentence, ": ", what, ": expected 0 to ", count - 1, ", found ", id));
      }
    }
  }

  /// pass(group, workspace, out of its first sentence) for all groups, `width` floats of out a sentence.
  /// Groups run side by side; where there are fewer than threads, each of them uses all threads.
  template <typename Pass>
  std::vector<float> run(std::span<const text::Encoding> sentences, std::int64_t width,
                         const Pass& pass) const {
    check(sentences);
    std::vector<const text::Encoding*> pointers;
    for (const text::Encoding& sentence : sentences) pointers.push_back(&sentence);
    std::vector<float> out(sentences.size() * static_cast<std::size_t>(width));
    const std::vector<Group> groups = cut_into_groups(pointers, threads);
    const auto run_group = [&](const Group& group) {
      std::unique_ptr<Workspace> workspace = pool.take();
      pass(group, *workspace, out.data() + (group.data() - pointers.data()) * width);
      pool.give_back(std::move(workspace));
    };
    const base::ThreadScope scope(threads);
    if (std::cmp_less(groups.size(), threads)) {
      for (const Group& group : groups) run_group(group);
      return out;
    }
    base::parallel_tasks(static_cast<std::int64_t>(groups.size()),
                         [&](std::int64_t i) { run_group(groups[static_cast<std::size_t>(i)]); });
    return out;
  }

  std::vector<text::Encoding> encode(std::span<const Text> texts) const {
    std::vector<text::Encoding> encodings;
    encodings.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      try {
        encodings.push_back(tokenizer.encode(texts[i].text, texts[i].pair, max_seq_length));
      } catch (const InvalidArgument& error) {
        throw InvalidArgument(concat("text ", i, ": ", error.what()));
      }
    }
    return encodings;
  }

  format::SafetensorsFile file;
  format::PackedHeader header;
  encoder::EncoderConfig config;
  Weights weights;
  text::Tokenizer tokenizer;
  int threads;
  std::int64_t max_seq_length = 0;
  kernels::InstructionSet instruction_set;
  Encoder encoder;
  mutable WorkspacePool pool;
};

Engine::Engine(const std::filesystem::path& path, const EngineOptions& options)
    : state_(std::make_unique<State>(path, options)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

std::vector<Classification> Engine::classify(std::span<const Text> texts) const {
  return classify(state_->encode(texts));
}

std::vector<float> Engine::embed(std::span<const Text> texts) const { return embed(state_->encode(texts)); }

text::Encoding Engine::encode(const Text& text) const { return std::move(state_->encode({&text, 1})[0]); }

std::vector<Classification> Engine::classify(std::span<const text::Encoding> sentences) const {
  const std::int64_t classes = state_->config.num_labels;
  const std::vector<float> logits =
      state_->run(sentences, classes, [&](const Group& group, Workspace& workspace, float* out) {
        state_->encoder.classify(group, workspace, out);
      });
  std::vector<Classification> result;
  result.reserve(sentences.size());
  const auto width = static_cast<std::size_t>(classes);
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    result.push_back(classification_of(std::span(logits).subspan(i * width, width)));
  }
  return result;
}

std::vector<float> Engine::embed(std::span<const text::Encoding> sentences) const {
  return state_->run(sentences, embedding_size(), [&](const Group& group, Workspace& workspace, float* out) {
    state_->encoder.embed(group, workspace, out);
  });
}

const std::vector<std::string>& Engine::labels() const { return state_->config.labels; }
bool Engine::is_regression() const { return state_->config.num_labels == 1; }
std::int64_t Engine::embedding_size() const { return state_->config.hidden_size; }
std::int64_t Engine::vocab_size() const { return state_->config.vocab_size; }
std::int64_t Engine::max_seq_length() const { return state_->max_seq_length; }
kernels::InstructionSet Engine::instruction_set() const { return state_->instruction_set; }
int Engine::threads() const { return state_->threads; }
const nlohmann::json& Engine::config() const { return state_->header.config; }

}  // namespace kdqat::runtime
