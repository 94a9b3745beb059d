#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/analysis/norm_analysis.h"
#include "kdqat/data/custom_task.h"
#include "kdqat/data/dataset.h"
#include "kdqat/distill/objective.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/model/classifier.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::analysis {

/// A student, and what it is called in a document.
struct NamedDirectory {
  std::string name;
  std::filesystem::path directory;
};

/// How far a part of an analysis is: told when it begins (done 0), goes on, and ends (finished).
struct WorkState {
  std::string title;
  std::int64_t done = 0;
  std::int64_t total = 0;
  bool finished = false;
};

/// Tells a part's states to a function, where there is one.
class WorkReport {
 public:
  WorkReport(std::function<void(const WorkState&)> on_work, std::string title, std::int64_t total)
      : on_work_(std::move(on_work)), state_{.title = std::move(title), .total = total} {
    tell();
  }

  void update(std::int64_t done) {
    state_.done = done;
    tell();
  }

  void finish() {
    state_.finished = true;
    tell();
  }

 private:
  void tell() const {
    if (on_work_) on_work_(state_);
  }

  std::function<void(const WorkState&)> on_work_;
  WorkState state_;
};

/// What an analysis is asked; the initializers are the only defaults.
///
///   const AnalysisConfig config{.teacher_dir = "teacher", .students = {{"map", "student"}},
///                               .task = "sst-2", .data_dir = "data"};
///   const nlohmann::json document = analyze_attention(load_analysis_inputs(config), config);
struct AnalysisConfig {
  std::filesystem::path teacher_dir;
  std::vector<NamedDirectory> students;
  std::filesystem::path batch_file;  ///< instead of a task's data
  std::string task;
  std::filesystem::path data_dir;
  std::optional<data::CustomTaskOptions> custom;
  std::string split = "dev";
  std::int64_t sentences = 100;
  format::QuantizationConfig quantization;
  quant::Precision precision = quant::Precision::kFp32;

  std::int64_t top_k = 5;
  distill::LayerSelection layers;
  std::vector<std::string>
      tokens;  ///< whose ranks are taken; none: those that stand around a text, as [CLS] and [SEP]
  std::int64_t map_sentences = 2;

  std::int64_t hessian_sentences = 25;  ///< the first of them, for the Hessian
  std::optional<double> norm_term;
  std::string loss = "ground_truth";
  double temperature = 1.0;
  std::vector<std::string> parameters;

  std::function<void(const WorkState&)> on_work;  ///< where given, told of each part that takes long

  bool from_batch() const { return !batch_file.empty(); }
};

struct NamedModel {
  std::string name;
  model::Classifier classifier;
  std::filesystem::path directory = {};  ///< of a student
};

/// A batch and what its tokens are called; nothing where there is no vocabulary.
struct AnalysisBatch {
  data::Batch batch;
  std::vector<std::string> tokens;
};

/// What the analyses read: one batch of a file, or batches of one sentence of a split.
struct AnalysisInputs {
  model::Classifier teacher;
  std::vector<NamedModel> students = {};
  std::vector<AnalysisBatch> batches = {};
  data::Batch together = {};  ///< the file's batch, or the first few sentences as one: for the Hessian
  std::optional<text::Tokenizer> tokenizer = {};
  std::vector<std::string> warnings = {};  ///< of the task's data, a line each
};

/// Loads models and data. Of a batch file, students are quantized as `config` says, as in `kdqat losses`;
/// else as their own config.json says and, where that says nothing, as `config` does. Throws InvalidArgument
/// for a name given twice or a student of another architecture than the
/// teacher's, and as the readers of models, batches, tasks and data do.
AnalysisInputs load_analysis_inputs(const AnalysisConfig& config);

/// The model's signals on a batch, in evaluation.
model::Signals evaluate_signals(const model::Classifier& classifier, const data::Batch& batch,
                                quant::Precision precision);

/// Classes of a batch's tokens. kCls and kSep are the special tokens before and behind a text.
std::vector<TokenClass> token_classes(const AnalysisBatch& batch, const text::Tokenizer& tokenizer);

}  // namespace kdqat::analysis
