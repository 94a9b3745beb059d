#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/analysis/norm_analysis.h"
#include "kdqat/data/custom_task.h"
#include "kdqat/data/dataset.h"
#include "kdqat/distill/objective.h"
#include "kdqat/model/classifier.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::cli {

/// What `kdqat analyze` is asked; the initializers are the only defaults.
struct AnalysisConfig {
  std::filesystem::path teacher_dir;
  std::vector<std::string> students;  ///< "NAME=DIR"
  std::filesystem::path batch_file;   ///< instead of a task's data
  std::string task;
  std::filesystem::path data_dir;
  std::optional<data::CustomTaskOptions> custom;
  std::string split = "dev";
  std::int64_t sentences = 100;
  std::filesystem::path output_dir;
  format::QuantizationConfig quantization;
  quant::Precision precision = quant::Precision::kFp32;
  bool json = false;

  std::int64_t top_k = 5;
  distill::LayerSelection layers;
  std::vector<std::string> tokens = {"[CLS]", "[SEP]"};
  std::int64_t map_sentences = 2;

  std::int64_t hessian_sentences = 25;  ///< the first of them, for the Hessian
  std::optional<double> norm_term;
  std::string loss = "ground_truth";
  double temperature = 1.0;
  std::vector<std::string> parameters;

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
  std::vector<NamedModel> students;
  std::vector<AnalysisBatch> batches;
  data::Batch together;  ///< the file's batch, or the first few sentences as one: for the Hessian
  std::optional<text::Tokenizer> tokenizer;
};

/// Loads models and data. Of a batch file, students are quantized as `config` says, as in `kdqat losses`;
/// else as their own config.json says and, where that says nothing, as `config` does. Throws InvalidArgument
/// for a student that is not NAME=DIR, a name given twice or a student of another architecture than the
/// teacher's, and as the readers of models, batches, tasks and data do.
AnalysisInputs load_analysis_inputs(const AnalysisConfig& config);

/// The model's signals on a batch, in evaluation.
model::Signals evaluate_signals(const model::Classifier& classifier, const data::Batch& batch,
                                quant::Precision precision);

/// Classes of a batch's tokens. kCls and kSep are the special tokens before and behind a text.
std::vector<analysis::TokenClass> token_classes(const AnalysisBatch& batch, const text::Tokenizer& tokenizer);

}  // namespace kdqat::cli
