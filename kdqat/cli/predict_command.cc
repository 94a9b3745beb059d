#include <cmath>
#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/data/model_task.h"
#include "kdqat/evaluate/evaluation.h"
#include "kdqat/evaluate/model_settings.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/runtime/answer_json.h"
#include "kdqat/text/text_input.h"

namespace kdqat::cli {
namespace {

struct PredictConfig {
  std::filesystem::path model_dir;
  std::string file = "-";
  std::int64_t max_seq_length = 0;
  bool logits = false;
};

/// Answers texts with one model.
class Predictor {
 public:
  explicit Predictor(const PredictConfig& config)
      : classifier_(model::load_classifier(config.model_dir).classifier),
        settings_(evaluate::model_settings(classifier_.config())),
        tokenizer_(data::load_tokenizer(config.model_dir, classifier_.config())),
        with_logits_(config.logits) {
    if (config.max_seq_length > 0) settings_.max_seq_length = config.max_seq_length;
    if (settings_.max_seq_length == 0) settings_.max_seq_length = classifier_.config().max_length();
    data::check_max_seq_length(settings_.max_seq_length, classifier_.config());
  }

  std::vector<nlohmann::json> answer(const std::vector<text::TextInput>& texts,
                                     const text::TextReader& reader) const {
    data::Dataset dataset;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      dataset.encodings.push_back(
          text::encode(tokenizer_, texts[i], settings_.max_seq_length, reader.place(i)));
      dataset.labels.push_back(0.0);
    }
    const evaluate::Predictions predictions = evaluate::predict(classifier_, dataset, settings_.precision);
    if (!predictions.logits.isfinite().all().item<bool>()) {
      throw base::NumericError(
          base::concat(reader.place(0), " and on: expected finite logits, found NaN or infinity"));
    }
    const torch::Tensor probabilities = predictions.logits.softmax(1);
    std::vector<nlohmann::json> answers;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      answers.push_back(describe(predictions.predictions[i], probabilities[row]));
      if (with_logits_) answers.back()["logits"] = values_of(predictions.logits[row]);
    }
    return answers;
  }

 private:
  /// Of a regression, the one score is the prediction.
  nlohmann::json describe(double prediction, const torch::Tensor& probabilities) const {
    const std::vector<std::string>& labels = classifier_.config().labels;
    if (classifier_.config().num_labels == 1) return runtime::answer_json(labels, 0, {&prediction, 1});
    return runtime::answer_json(labels, static_cast<std::size_t>(std::lround(prediction)),
                                values_of(probabilities));
  }

  static std::vector<double> values_of(const torch::Tensor& row) {
    std::vector<double> values;
    for (std::int64_t c = 0; c < row.numel(); ++c) values.push_back(row[c].item<double>());
    return values;
  }

  model::Classifier classifier_;
  evaluate::ModelSettings settings_;
  text::Tokenizer tokenizer_;
  bool with_logits_;
};

void run_predict(const PredictConfig& config) {
  const Predictor predictor(config);
  text::TextSource source(config.file, text::LineForm::kDetect);
  text::TextReader& reader = source.reader();
  for (std::vector<text::TextInput> texts; !(texts = reader.read(evaluate::kEvaluationBatch)).empty();) {
    for (const nlohmann::json& answer : predictor.answer(texts, reader)) print_json(answer);
  }
}

}  // namespace

void register_predict(CLI::App& app, Action& action) {
  const auto config = std::make_shared<PredictConfig>();
  CLI::App* command = app.add_subcommand(
      "predict", "Answer texts with a trained model, as JSON lines {\"label\", \"scores\"}");
  command->add_option("--model", config->model_dir, "Folder of the model")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("FILE", config->file,
                   "Texts, one a line, or JSON lines {\"text\", \"pair\"?}; - for standard input")
      ->capture_default_str();
  command
      ->add_option("--max-seq-length", config->max_seq_length,
                   "Tokens at which a text or pair is cut [as the model was trained]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  command->add_flag("--logits", config->logits, "Add \"logits\" to each answer: the classifier's outputs");
  add_threads(*command);
  command->callback([config, &action] { action = [config] { run_predict(*config); }; });
}

}  // namespace kdqat::cli
