#include "kdqat/cli/options.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <functional>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"

namespace kdqat::cli {
namespace {

/// A function that may throw base::InvalidArgument, as CLI11 reports what is wrong with an option.
template <typename Value>
std::function<void(const Value&)> reporting(std::function<void(const Value&)> body) {
  return [body = std::move(body)](const Value& value) {
    try {
      body(value);
    } catch (const base::InvalidArgument& error) {
      throw CLI::ValidationError(error.what());
    }
  };
}

std::vector<std::string> all_task_names() {
  std::vector<std::string> names = data::task_names();
  names.emplace_back(data::kCustomTask);
  return names;
}

data::CustomTaskOptions& given(std::optional<data::CustomTaskOptions>& custom) {
  if (!custom) custom.emplace();
  return *custom;
}

/// "ground_truth" -> "--ground-truth-weight".
std::string weight_option(distill::Loss loss) {
  std::string name(distill::name_of(loss));
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name + "-weight";
}

constexpr const char* kTrainingGroup = "Training";

}  // namespace

void add_threads(CLI::App& command) {
  command
      .add_option_function<int>(
          "--threads",
          [](const int& count) {
            base::set_num_threads(count);
            at::set_num_threads(count);
          },
          "Threads; the processors that are free to use, where not given")
      ->check(CLI::Range(1, 1024));
}

void separate_by_commas(CLI::Option* values) { values->delimiter(',')->allow_extra_args(false); }

void add_precision(CLI::App& command, quant::Precision& precision) {
  const std::map<std::string, quant::Precision> names = {{"fp32", quant::Precision::kFp32},
                                                         {"bf16", quant::Precision::kBf16}};
  command
      .add_option("--precision", precision,
                  "What factors of floating-point products are rounded to; sums stay float32 (fp32, bf16)")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->default_str(precision == quant::Precision::kBf16 ? "bf16" : "fp32");
}

TaskOptions add_task(CLI::App& command, std::string& task, std::filesystem::path& data_dir,
                     std::optional<data::CustomTaskOptions>& custom) {
  const TaskOptions options{
      .task = command.add_option("--task", task, "Task: a GLUE name, nsmc, or custom for one's own files")
                  ->required()
                  ->check(CLI::IsMember(all_task_names())),
      .data = command.add_option("--data", data_dir, "Folder of the task's files")
                  ->required()
                  ->check(CLI::ExistingDirectory)};

  const auto text = [&custom](const std::string& name) { given(custom).text_column = name; };
  const auto pair = [&custom](const std::string& name) { given(custom).pair_column = name; };
  const auto label = [&custom](const std::string& name) { given(custom).label_column = name; };
  const std::string group =
      "Own data (--task custom: train, dev, test as .tsv, .csv or .jsonl with named columns)";
  command.add_option_function<std::string>("--text-column", text, "Column of the text [text]")->group(group);
  command.add_option_function<std::string>("--pair-column", pair, "Column of the second text, for pairs")
      ->group(group);
  command.add_option_function<std::string>("--label-column", label, "Column of the label [label]")
      ->group(group);
  command
      .add_option_function<std::string>(
          "--metric", reporting<std::string>([&custom](const std::string& name) {
            given(custom).metric = data::find_metric(name);
          }),
          "What the best model is chosen by [accuracy; for a regression pearson_and_spearman]")
      ->group(group);
  separate_by_commas(
      command
          .add_option_function<std::vector<std::string>>(
              "--labels", [&custom](const std::vector<std::string>& names) { given(custom).labels = names; },
              "Labels in the order of their ids, with commas [those of the training file, sorted]")
          ->group(group));
  command
      .add_flag_callback(
          "--regression", [&custom] { given(custom).regression = true; }, "Labels are scores")
      ->group(group);
  return options;
}

CLI::Option* add_batch(CLI::App& command, std::filesystem::path& file) {
  return command
      .add_option("--batch", file, "Batch: input_ids, token_type_ids, attention_mask [B, S], labels [B]")
      ->check(CLI::ExistingFile);
}

void add_training_settings(CLI::App& command, train::TrainingConfig& config) {
  const std::string group = kTrainingGroup;
  const CLI::Validator& positive = CLI::PositiveNumber;
  command
      .add_option("--learning-rate", config.learning_rate,
                  "Peak learning rate, reached after a tenth of the steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  command.add_option("--epochs", config.epochs, "Passes over the training file")
      ->check(positive)
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--max-steps", config.max_steps, "Most updates; the learning rate ends there [no limit]")
      ->check(positive)
      ->group(group);
  command
      .add_option("--batch-size", config.batch_size, "Sentences or pairs a batch [the task's, 32 for most]")
      ->check(positive)
      ->group(group);
  command.add_option("--batch-tokens", config.batch_tokens, "Most tokens a batch, instead of --batch-size")
      ->check(positive)
      ->group(group);
  command.add_flag("--bucket-by-length", config.bucket_by_length, "Batches of sentences of similar lengths")
      ->group(group);
  command
      .add_option(
          "--max-seq-length", config.max_seq_length,
          "Tokens at which a sentence or pair is cut, [CLS] and [SEP] counted [the task's: 64 or 128]")
      ->check(positive)
      ->group(group);
  command
      .add_option("--eval-steps", config.eval_steps, "Updates from one evaluation to the next [the task's]")
      ->check(positive)
      ->group(group);
  command
      .add_option("--checkpoint-seconds", config.checkpoint_seconds,
                  "Least seconds between two checkpoints; 0: one after every update")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  add_precision(command, config.precision);
}

void add_training(CLI::App& command, train::TrainingConfig& config) {
  add_task(command, config.task, config.data_dir, config.custom);
  command
      .add_option("--output", config.output_dir,
                  "Folder to write: the best model, last/, metrics.jsonl, report.html")
      ->required();
  command
      .add_option("--train", config.train_file,
                  "Training file instead of the task's, such as an augmented one")
      ->check(CLI::ExistingFile);
  command.add_flag("--resume", config.resume, "Go on with the run in the output folder");
  command.add_flag("--overwrite", config.overwrite, "Replace the run in the output folder");
  add_training_settings(command, config);
  command.add_option("--seed", config.seed, "Seed of batches, dropout and new parameters")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(kTrainingGroup);
  command
      .add_flag(
          "--hold-out", config.hold_out,
          "Choose the best model on a tenth of the training file, which is not trained on; dev is not read")
      ->group(kTrainingGroup);
  add_threads(command);
}

void add_quantization(CLI::App& command, format::QuantizationConfig& config) {
  const std::string group = "Quantization";
  auto* weight_bits = command
                          .add_option("--weight-bits", config.weight_bits,
                                      "Bits of the encoder's and the pooler's weights: 2, 4, 8, 32")
                          ->check(CLI::IsMember({2, 4, 8, 32}))
                          ->capture_default_str()
                          ->group(group);
  auto* embedding_bits = command
                             .add_option("--embedding-bits", config.embedding_bits,
                                         "Bits of the word embedding [as --weight-bits]")
                             ->check(CLI::IsMember({2, 4, 8, 32}))
                             ->group(group);
  weight_bits->each([&config, embedding_bits](const std::string& bits) {
    if (embedding_bits->count() == 0) config.embedding_bits = std::stoi(bits);
  });
  command
      .add_option("--activation-bits", config.activation_bits,
                  "Bits of the inputs of quantized products: 8, 32")
      ->check(CLI::IsMember({8, 32}))
      ->capture_default_str()
      ->group(group);
  const std::map<std::string, format::ActivationGranularity> activation_names = {
      {"token", format::ActivationGranularity::kToken}, {"tensor", format::ActivationGranularity::kTensor}};
  command
      .add_option("--activation-granularity", config.activation_granularity,
                  "What shares an activation scale: token, or tensor as in the paper")
      ->transform(CLI::CheckedTransformer(activation_names).description(""))
      ->default_str(std::string(format::name_of(config.activation_granularity)))
      ->group(group);
  const std::map<std::string, format::WeightGranularity> weight_names = {
      {"tensor", format::WeightGranularity::kTensor}, {"row", format::WeightGranularity::kRow}};
  command
      .add_option("--weight-granularity", config.weight_granularity,
                  "What shares a weight scale: tensor as in the paper, or row")
      ->transform(CLI::CheckedTransformer(weight_names).description(""))
      ->default_str(std::string(format::name_of(config.weight_granularity)))
      ->group(group);
}

void add_objective(CLI::App& command, distill::ObjectiveConfig& config) {
  const std::string group = "Distillation losses";
  command
      .add_option_function<std::string>(
          "--objective", [&config](const std::string& name) { config.recipe = distill::find_recipe(name); },
          "Losses of the paper: hard-label, soft-label, hidden, ternarybert, map, output, unified")
      ->check(CLI::IsMember(distill::recipe_names()))
      ->default_str(std::string(distill::name_of(config.recipe)))
      ->group(group);
  command
      .add_option("--gamma", config.gamma, "unified = gamma map + (1 - gamma) output [both with weight 1]")
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  for (const distill::Loss loss : distill::kLosses) {
    command
        .add_option(weight_option(loss), config.weights[static_cast<std::size_t>(loss)],
                    "Weight of " + std::string(distill::name_of(loss)) +
                        " instead of the objective's; 0 turns it off")
        ->check(CLI::NonNegativeNumber)
        ->group(group);
  }
  command
      .add_option("--temperature", config.temperature,
                  "Temperature of the attention map's softmax; inf for the limit")
      ->check([](const std::string& text) {
        const double value = std::strtod(text.c_str(), nullptr);
        return value > 0.0 ? std::string() : "expected more than 0, found " + text;
      })
      ->capture_default_str()
      ->group(group);
  command
      .add_option_function<std::string>(
          "--distill-layers", reporting<std::string>([&config](const std::string& text) {
            config.layers = distill::parse_layers(text);
          }),
          "Layers of every loss over layers, from 0: all, one such as 9, or several such as 0,5,11")
      ->default_str("all")
      ->group(group);
}

}  // namespace kdqat::cli
