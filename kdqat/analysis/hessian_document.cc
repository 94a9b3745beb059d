#include <algorithm>
#include <mutex>

#include "kdqat/analysis/documents.h"
#include "kdqat/analysis/hessian_summary.h"
#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"
#include "kdqat/data/batch_file.h"

namespace kdqat::analysis {
namespace {

using nlohmann::json;

constexpr double kPaperNormTerm = 0.01;  // of the spectrum over sentences, as the paper's reference has it
constexpr std::int64_t kDoubleUpTo = 1 << 21;  // parameters; float32 beyond, for time and memory

distill::Loss find_loss(const std::string& name) {
  const auto* found = std::find_if(distill::kLosses.begin(), distill::kLosses.end(),
                                   [&](distill::Loss loss) { return distill::name_of(loss) == name; });
  if (found == distill::kLosses.end())
    throw base::InvalidArgument(base::concat("--loss: expected the name of a loss, found '", name, "'"));
  return *found;
}

HessianOptions options_of(const AnalysisConfig& config, const model::Classifier& model, double norm_term) {
  return {
      .loss = find_loss(config.loss),
      .temperature = config.temperature,
      .parameters = config.parameters,
      .norm_term = config.norm_term.value_or(norm_term),
      .dtype = encoder::count_parameters(model.config()) <= kDoubleUpTo ? torch::kFloat64 : torch::kFloat32};
}

json summary_json(const Hessian& hessian, const HessianSummary& summary) {
  const Estimate& trace = summary.trace;
  json density = json::array();
  for (const LanczosResult& run : summary.density) {
    density.push_back({{"values", run.ritz_values}, {"weights", run.weights}});
  }
  return {{"loss", hessian.loss()},
          {"parameters", hessian.num_parameters()},
          {"largest", summary.largest},
          {"smallest", summary.smallest},
          {"largest_residuals", summary.largest_residuals},
          {"smallest_residuals", summary.smallest_residuals},
          {"converged", summary.converged},
          {"lanczos_steps", summary.lanczos_steps},
          {"trace", trace.value},
          {"trace_method", trace.samples == 0 ? "diagonal" : "hutchinson"},
          {"trace_standard_error", trace.standard_error},
          {"density", density}};
}

/// A model whose Hessians are taken.
struct Subject {
  explicit Subject(const NamedModel& named) : model(named), compactor(model.classifier) {}

  NamedModel model;
  Compactor compactor;
};

/// Ends, trace and density of one model's Hessian on one batch.
json summarize(const Subject& subject, const Compactor& teacher, const data::Batch& batch,
               const AnalysisConfig& config) {
  const Hessian hessian(subject.compactor, batch, options_of(config, subject.model.classifier, 0.0),
                        &teacher);
  HessianSummaryOptions options;
  WorkReport work(config.on_work, "hessian of " + subject.model.name,
                  count_products(hessian.matrix(), options));
  std::int64_t products = 0;
  options.on_product = [&] { work.update(++products); };
  json result = summary_json(hessian, summarize_hessian(hessian, options));
  work.finish();
  return result;
}

/// The greatest eigenvalues in magnitude of each sentence on its own: one sentence to a thread, since the
/// operations of one are too small for several.
json spectrum(const Subject& subject, const Compactor& teacher, const std::vector<AnalysisBatch>& batches,
              const AnalysisConfig& config) {
  std::vector<json> sentences(batches.size());
  WorkReport work(config.on_work, "spectrum of " + subject.model.name,
                  static_cast<std::int64_t>(batches.size()));
  std::mutex work_mutex;
  std::int64_t done = 0;
  base::parallel_tasks(static_cast<std::int64_t>(batches.size()), [&](std::int64_t task) {
    const auto i = static_cast<std::size_t>(task);
    const Hessian hessian(subject.compactor, batches[i].batch,
                          options_of(config, subject.model.classifier, kPaperNormTerm), &teacher);
    json values = json::array();
    json iterations = json::array();
    for (const PowerEigenvalue& found : power_iteration(hessian.matrix(), {})) {
      values.push_back(found.value);
      iterations.push_back(found.iterations);
    }
    sentences[i] = {{"loss", hessian.loss()}, {"eigenvalues", values}, {"iterations", iterations}};
    const std::lock_guard lock(work_mutex);
    work.update(++done);
  });
  work.finish();
  return sentences;
}

}  // namespace

nlohmann::json analyze_hessian(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  data::check_has_labels(inputs.together, config.batch_file);
  json document = describe_inputs(inputs);
  document["loss_name"] = config.loss;
  const Subject teacher({.name = "teacher", .classifier = inputs.teacher});
  const std::size_t count =
      std::min(inputs.batches.size(), static_cast<std::size_t>(config.hessian_sentences));
  const std::vector<AnalysisBatch> batches(inputs.batches.begin(),
                                           inputs.batches.begin() + static_cast<std::ptrdiff_t>(count));
  document["sentences"] = inputs.together.sentences();
  std::vector<Subject> subjects(inputs.students.begin(), inputs.students.end());
  if (!config.from_batch() || subjects.empty()) subjects.push_back(teacher);
  std::vector<json> results;
  // The vectors of Lanczos' method take gigabytes: one model after the other has them in the same memory,
  // before the sentences, which take it in pieces.
  for (const Subject& subject : subjects)
    results.push_back(summarize(subject, teacher.compactor, inputs.together, config));
  if (!config.from_batch()) {
    for (std::size_t i = 0; i < subjects.size(); ++i)
      results[i]["spectrum"] = spectrum(subjects[i], teacher.compactor, batches, config);
    document["teacher"] = results.back();
  } else if (inputs.students.empty()) {
    document.update(results.back());
  }
  std::vector<std::pair<std::string, json>> students;
  for (std::size_t i = 0; i < inputs.students.size(); ++i)
    students.emplace_back(inputs.students[i].name, std::move(results[i]));
  add_students(std::move(students), config.from_batch(), document);
  return document;
}

}  // namespace kdqat::analysis
