#include "kdqat/analysis/inputs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "kdqat/base/error.h"
#include "kdqat/data/batch_file.h"
#include "kdqat/data/model_task.h"
#include "kdqat/evaluate/task_model.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/model/same_architecture.h"
#include "kdqat/text/tokenizer_files.h"
#include "kdqat/text/unicode.h"

namespace kdqat::analysis {
namespace {

std::vector<NamedModel> load_students(const AnalysisConfig& config, const model::Classifier& teacher) {
  std::vector<NamedModel> students;
  std::set<std::string> names;
  for (const auto& [name, directory] : config.students) {
    if (!names.insert(name).second)
      throw base::InvalidArgument(
          base::concat("--student: expected each name once, found '", name, "' twice"));
    model::Classifier latent = model::load_classifier(directory).classifier;
    model::check_same_architecture(teacher.config(), latent.config(), "student " + name);
    const bool as_trained = !config.from_batch() && latent.quantization();
    students.push_back(
        {.name = name,
         .classifier = as_trained ? std::move(latent) : model::make_student(latent, config.quantization),
         .directory = directory});
  }
  return students;
}

std::vector<std::string> names_of(const std::optional<text::Tokenizer>& tokenizer, const torch::Tensor& ids) {
  std::vector<std::string> names;
  if (!tokenizer) return names;
  for (std::int64_t i = 0; i < ids.numel(); ++i)
    names.push_back(tokenizer->token(ids[i].item<std::int64_t>()));
  return names;
}

/// Sentences of one batch for the ends, trace and density of a Hessian: its graph is kept in memory.
constexpr std::int64_t kTogether = 8;

/// The models and a task's data: a batch for each sentence. What shares a scale is then of one sentence, at
/// every granularity.
AnalysisInputs load_sentences(const AnalysisConfig& config) {
  evaluate::TaskModel teacher = evaluate::load_task_model({.model_dir = config.teacher_dir,
                                                           .task = config.task,
                                                           .custom = config.custom,
                                                           .training_data = config.data_dir});
  AnalysisInputs inputs{.teacher = teacher.classifier, .students = load_students(config, teacher.classifier)};
  const data::Dataset dataset = evaluate::load_split(teacher, config.data_dir, config.split);
  inputs.warnings = dataset.warnings;
  inputs.tokenizer = std::move(teacher.tokenizer);
  std::vector<std::int64_t> first;
  for (std::int64_t i = 0; i < std::min(config.sentences, dataset.size()); ++i) {
    if (i < std::min(kTogether, config.hessian_sentences)) first.push_back(i);
    data::Batch batch = dataset.batch({{i}});
    std::vector<std::string> tokens = names_of(inputs.tokenizer, batch.input_ids);
    inputs.batches.push_back({.batch = std::move(batch), .tokens = std::move(tokens)});
  }
  inputs.together = dataset.batch(first);
  return inputs;
}

AnalysisInputs load_batch(const AnalysisConfig& config) {
  const model::Classifier teacher = model::load_classifier(config.teacher_dir).classifier;
  AnalysisInputs inputs{.teacher = teacher, .students = load_students(config, teacher)};
  if (text::has_tokenizer(config.teacher_dir))
    inputs.tokenizer = data::load_tokenizer(config.teacher_dir, teacher.config());
  inputs.together = data::read_batch_file(config.batch_file, data::batch_limits(teacher.config()));
  inputs.batches.push_back(
      {.batch = inputs.together, .tokens = names_of(inputs.tokenizer, inputs.together.input_ids)});
  return inputs;
}

bool is_punctuation(const std::string& token) {
  std::size_t position = 0;
  if (token.empty()) return false;
  while (position < token.size()) {
    if (!text::is_punctuation(text::next_character(token, position))) return false;
  }
  return true;
}

}  // namespace

AnalysisInputs load_analysis_inputs(const AnalysisConfig& config) {
  const torch::NoGradGuard no_grad;
  return config.from_batch() ? load_batch(config) : load_sentences(config);
}

model::Signals evaluate_signals(const model::Classifier& classifier, const data::Batch& batch,
                                quant::Precision precision) {
  const torch::NoGradGuard no_grad;
  model::Signals signals = classifier.forward(batch, {.dropout = {}, .precision = precision});
  if (!signals.logits.isfinite().all().item<bool>())
    throw base::NumericError("forward pass: expected finite logits, found NaN or infinity");
  return signals;
}

std::vector<TokenClass> token_classes(const AnalysisBatch& batch, const text::Tokenizer& tokenizer) {
  std::vector<TokenClass> classes(static_cast<std::size_t>(batch.batch.tokens()), TokenClass::kOther);
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) {
    const auto id = batch.batch.input_ids[static_cast<std::int64_t>(i)].item<std::int64_t>();
    if (id == tokenizer.first_special_token()) {
      classes[i] = TokenClass::kCls;
    } else if (id == tokenizer.last_special_token()) {
      classes[i] = TokenClass::kSep;
    } else if (is_punctuation(batch.tokens[i])) {
      classes[i] = TokenClass::kPunctuation;
    }
  }
  return classes;
}

}  // namespace kdqat::analysis
