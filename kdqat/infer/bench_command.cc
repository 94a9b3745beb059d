#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kdqat/base/machine.h"
#include "kdqat/base/random.h"
#include "kdqat/infer/command.h"

namespace kdqat::infer {
namespace {

struct BenchOptions {
  ModelOptions model;
  std::int64_t batch_size = 32;
  std::int64_t seq_length = 64;
  std::int64_t repetitions = 0;
  bool json = false;
};

/// Seconds that repetitions take together where their number is not given, and their least number.
constexpr double kSeconds = 3.0;
constexpr std::size_t kFewest = 20;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<text::Encoding> random_sentences(const BenchOptions& options, const runtime::Engine& engine) {
  base::Random random(1);
  std::vector<text::Encoding> sentences(static_cast<std::size_t>(options.batch_size));
  for (text::Encoding& sentence : sentences) {
    for (std::int64_t i = 0; i < options.seq_length; ++i) {
      sentence.input_ids.push_back(
          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(engine.vocab_size()))));
      sentence.token_type_ids.push_back(0);
    }
  }
  return sentences;
}

/// Seconds of each call on the whole batch, sorted.
std::vector<double> time_calls(const BenchOptions& options, const runtime::Engine& engine) {
  const std::vector<text::Encoding> sentences = random_sentences(options, engine);
  engine.classify(sentences);
  std::vector<double> seconds;
  const double started = now();
  const auto wanted = static_cast<std::size_t>(options.repetitions);
  while (wanted > 0 ? seconds.size() < wanted : seconds.size() < kFewest || now() - started < kSeconds) {
    const double call = now();
    engine.classify(sentences);
    seconds.push_back(now() - call);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

void run_bench(const BenchOptions& options) {
  const runtime::Engine engine(options.model.model, options.model.engine);
  const std::vector<double> seconds = time_calls(options, engine);
  const double median = seconds[seconds.size() / 2];
  const nlohmann::json result = {
      {"latency_seconds", {{"median", median}, {"p99", seconds[seconds.size() * 99 / 100]}}},
      {"sentences_per_second", static_cast<double>(options.batch_size) / median},
      {"batch_size", options.batch_size},
      {"seq_length", options.seq_length},
      {"calls", seconds.size()},
      {"threads", engine.threads()},
      {"instruction_set", simd::name_of(engine.instruction_set())},
      {"peak_rss_bytes", base::peak_rss_bytes()},
      {"cpu", base::processor_name()}};
  if (options.json) {
    std::cout << result.dump(2) << '\n';
    return;
  }
  std::cout << options.batch_size << " x " << options.seq_length << " tokens, " << engine.threads()
            << " threads, " << simd::name_of(engine.instruction_set()) << ": " << 1e3 * median << " ms (p99 "
            << 1e3 * seconds[seconds.size() * 99 / 100] << "), "
            << static_cast<double>(options.batch_size) / median << " sentences/s\n";
}

}  // namespace

void register_bench(CLI::App& app, Action& action) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Time of one call on a batch of random token ids");
  add_model_options(*command, options->model);
  command->add_option("--batch-size", options->batch_size, "Sentences of a call")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 16))
      ->capture_default_str();
  command->add_option("--seq-length", options->seq_length, "Tokens of a sentence")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 16))
      ->capture_default_str();
  command->add_option("--repetitions", options->repetitions, "Calls that are timed [about 3 seconds of them]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  command->add_flag("--json", options->json, "One JSON document on standard output");
  command->callback([options, &action] { action = [options] { run_bench(*options); }; });
}

}  // namespace kdqat::infer
