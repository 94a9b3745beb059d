#include <fstream>
#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/train/step_benchmark.h"

namespace kdqat::cli {
namespace {

struct BenchConfig {
  std::filesystem::path model_dir;
  std::string shape = "minilm";
  std::int64_t layers = 0;
  std::int64_t batch_size = 32;
  std::int64_t seq_length = 64;
  std::filesystem::path lengths_file;
  std::int64_t repetitions = 5;
  quant::Precision precision = quant::Precision::kBf16;
  bool json = false;
};

encoder::EncoderConfig shape_of(const std::string& name) {
  encoder::EncoderConfig config;  // BERT-base
  if (name == "minilm") {
    config.hidden_size = 384;
    config.num_hidden_layers = 6;
    config.intermediate_size = 1536;
  } else if (name == "bert-large") {
    config.hidden_size = 1024;
    config.num_hidden_layers = 24;
    config.num_attention_heads = 16;
    config.intermediate_size = 4096;
  }
  config.embedding_size = config.hidden_size;
  return config;
}

std::vector<std::int64_t> read_lengths(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::vector<std::int64_t> lengths;
  for (std::int64_t length = 0; stream >> length;) {
    if (length < 1)
      throw base::FormatError(base::concat(path.string(), ": expected lengths from 1, found ", length));
    lengths.push_back(length);
  }
  if (lengths.empty() || !stream.eof()) {
    throw base::FormatError(base::concat(path.string(), ": expected numbers of tokens, found ",
                                         lengths.empty() ? "none" : "something else"));
  }
  return lengths;
}

void run_bench_train(const BenchConfig& config) {
  train::StepBenchmarkConfig benchmark{
      .encoder = config.model_dir.empty()
                     ? shape_of(config.shape)
                     : encoder::read_encoder_config(format::find_config(config.model_dir)),
      .lengths = {},
      .precision = config.precision,
      .repetitions = config.repetitions};
  if (config.layers > 0) benchmark.encoder.num_hidden_layers = config.layers;
  benchmark.encoder.num_labels = 2;
  benchmark.encoder.labels = {"0", "1"};
  benchmark.lengths = config.lengths_file.empty()
                          ? std::vector(static_cast<std::size_t>(config.batch_size), config.seq_length)
                          : read_lengths(config.lengths_file);
  const nlohmann::json result = train::benchmark_step(benchmark);
  if (config.json) {
    print_json(result, 2);
    return;
  }
  for (const auto& [stage, seconds] : result.at("step_seconds").items())
    std::cout << stage << ": " << seconds << " s\n";
  std::cout << "tokens/s: " << result.at("tokens_per_second")
            << "\nshare of the products' own time: " << result.at("fraction_of_floor") << '\n';
}

}  // namespace

void register_bench(CLI::App& app, Action& action) {
  const auto config = std::make_shared<BenchConfig>();
  CLI::App* bench = app.add_subcommand("bench", "Time kdqat on this machine");
  bench->require_subcommand(1);
  CLI::App* command =
      bench->add_subcommand("train", "One step of distillation, beside the time of its matrix products");
  auto* model = command->add_option("--model", config->model_dir, "Folder of a model whose shape it is")
                    ->check(CLI::ExistingDirectory);
  command->add_option("--shape", config->shape, "Shape: minilm, bert-base, bert-large")
      ->check(CLI::IsMember({"minilm", "bert-base", "bert-large"}))
      ->capture_default_str()
      ->excludes(model);
  command->add_option("--layers", config->layers, "Layers [the shape's]")->check(CLI::PositiveNumber);
  command->add_option("--batch-size", config->batch_size, "Sentences of the batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seq-length", config->seq_length, "Tokens of each sentence")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--lengths", config->lengths_file,
                   "Tokens of each sentence of the batch, from a file of numbers")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--repetitions", config->repetitions,
                   "Steps and products that are timed; the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--json", config->json, "One JSON document on standard output");
  add_precision(*command, config->precision);
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_bench_train(*config); }; });
}

}  // namespace kdqat::cli
