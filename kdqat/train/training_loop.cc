#include "kdqat/train/training_loop.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/machine.h"
#include "kdqat/base/parallel.h"
#include "kdqat/base/version.h"
#include "kdqat/data/sampler.h"
#include "kdqat/format/run_log.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/text/tokenizer_files.h"
#include "kdqat/train/bert_adam.h"
#include "kdqat/train/checkpoint.h"
#include "kdqat/train/code_statistics.h"
#include "kdqat/train/run_directory.h"

namespace kdqat::train {
namespace {

/// Updates from one record of the losses to the next.
constexpr std::int64_t kRecordSteps = 10;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Where the batches of a run come from: position -> batch.
class BatchSource {
 public:
  BatchSource(const data::Dataset& dataset, const TrainingConfig& config)
      : dataset_(dataset),
        lengths_(dataset.lengths()),
        sampler_{.batch_size = config.batch_size,
                 .batch_tokens = config.batch_tokens,
                 .bucket_by_length = config.bucket_by_length,
                 .seed = config.seed} {
    total_ = data::count_batches(lengths_, sampler_, config.epochs);
    if (config.max_steps > 0) total_ = std::min(total_, config.max_steps);
  }

  std::int64_t total() const { return total_; }

  /// The batch of update `update`; asked for in order.
  data::Batch batch(std::int64_t update) {
    while (plan_.empty() || update >= first_ + static_cast<std::int64_t>(plan_.size())) next_epoch();
    return dataset_.batch(plan_[static_cast<std::size_t>(update - first_)]);
  }

  /// Epochs done at update `update`, which has been asked for.
  double epoch(std::int64_t update) const {
    return static_cast<double>(epoch_) +
           static_cast<double>(update + 1 - first_) / static_cast<double>(plan_.size());
  }

 private:
  void next_epoch() {
    first_ += static_cast<std::int64_t>(plan_.size());
    plan_ = data::plan_epoch(lengths_, sampler_, ++epoch_);
  }

  const data::Dataset& dataset_;
  std::vector<std::int64_t> lengths_;
  data::SamplerConfig sampler_;
  std::int64_t total_ = 0;
  std::int64_t epoch_ = -1;
  std::int64_t first_ = 0;
  std::vector<std::vector<std::int64_t>> plan_;
};

nlohmann::json to_json(const evaluate::Evaluation& evaluation) {
  return {{"metric", evaluation.metric},
          {"score", evaluation.score},
          {"metrics", evaluation.metrics},
          {"examples", evaluation.examples}};
}

class Loop {
 public:
  Loop(const TrainingRun& run, const TrainingCallbacks& callbacks)
      : run_(run),
        callbacks_(callbacks),
        directory_(run.config.output_dir),
        source_(run.train, run.config),
        optimizer_({.learning_rate = run.config.learning_rate}, run.classifier.parameters(), source_.total()),
        resume_config_(run.effective_config) {
    resume_config_.erase("output");  // a directory may be moved between two parts of a run
    if (resume_config_.contains("objective")) resume_config_["objective"].erase("effective_weights");
  }

  TrainingResult run() {
    begin();
    while (progress_.updates < source_.total()) {
      step();
      const bool last = progress_.updates == source_.total();
      if (last || is_observed()) observe();
      if (last || progress_.updates % run_.config.eval_steps == 0) evaluate_and_keep();
      if (!last) pause_if_asked();
    }
    return end();
  }

 private:
  const char* selection_split() const { return run_.config.hold_out ? "hold-out" : "dev"; }

  void say(const std::string& line) const {
    if (callbacks_.on_message) callbacks_.on_message(line);
  }

  void begin() {
    directory_.check_free(run_.config.resume, run_.config.overwrite);
    run_.classifier.set_requires_grad(true);
    if (run_.config.resume && std::filesystem::exists(directory_.checkpoint())) {
      progress_ = load_checkpoint(directory_.checkpoint(), optimizer_, resume_config_);
      metrics_ = std::make_unique<format::RunLogWriter>(directory_.metrics(), progress_.metrics_bytes);
      say(base::concat("going on after step ", progress_.updates, " of ", source_.total()));
    } else {
      directory_.start_anew();
      metrics_ = std::make_unique<format::RunLogWriter>(directory_.metrics(), 0);
      record_start();
    }
    last_checkpoint_ = seconds_now();
  }

  void record_start() {
    metrics_->write(format::to_json(
        format::RunStart{.command = run_.command,
                         .version = base::kVersion,
                         .started = base::utc_timestamp(),
                         .task = run_.task.name,
                         .config = run_.effective_config,
                         .model = {{"parameters", encoder::count_parameters(run_.classifier.config())}},
                         .machine = {{"cpu", base::processor_name()}, {"threads", base::num_threads()}}}));
    record_codes();
    observe();
  }

  bool is_observed() const {
    const std::int64_t steps = callbacks_.observer.steps;
    return steps > 0 && progress_.updates % steps == 0;
  }

  void observe() {
    if (callbacks_.observer.steps == 0) return;
    const double started = seconds_now();
    optimizer_.catch_up();
    format::RankingRecord record = callbacks_.observer.record(run_.classifier, run_.selection);
    record.step = progress_.updates;
    metrics_->write(format::to_json(record));
    progress_.evaluate_seconds += seconds_now() - started;
  }

  void record_codes() {
    format::CodesRecord record{.step = progress_.updates, .tensors = code_statistics(run_.classifier)};
    if (!record.tensors.empty()) metrics_->write(format::to_json(record));
  }

  void step() {
    const double started = seconds_now();
    const std::int64_t update = progress_.updates;
    const data::Batch batch = source_.batch(update);
    optimizer_.catch_up(batch.input_ids);
    const distill::ObjectiveResult losses = run_.losses(batch, update);
    const auto total = losses.total.item<double>();
    if (!std::isfinite(total)) {
      throw base::NumericError(base::concat("step ", update + 1, ": expected a finite loss, found ", total,
                                            "; the last checkpoint and the best model are kept"));
    }
    losses.total.backward();
    const double learning_rate = optimizer_.learning_rate();
    optimizer_.update();
    const double seconds = seconds_now() - started;
    progress_.updates += 1;
    progress_.train_seconds += seconds;
    tokens_ += static_cast<double>(batch.tokens());
    token_seconds_ += seconds;

    if (progress_.updates == 1 || progress_.updates % kRecordSteps == 0 ||
        progress_.updates == source_.total()) {
      record_step(losses, total, learning_rate, update);
    }
    if (callbacks_.on_step) {
      callbacks_.on_step({.step = progress_.updates,
                          .total = source_.total(),
                          .loss = total,
                          .learning_rate = learning_rate,
                          .tokens_per_second = tokens_ / token_seconds_});
    }
  }

  void record_step(const distill::ObjectiveResult& losses, double total, double learning_rate,
                   std::int64_t update) {
    format::StepRecord record{.step = progress_.updates,
                              .epoch = source_.epoch(update),
                              .learning_rate = learning_rate,
                              .loss = total,
                              .tokens_per_second = tokens_ / token_seconds_};
    for (const distill::NamedLoss& loss : losses.losses) {
      const std::string name(distill::name_of(loss.loss));
      record.losses[name] = loss.value.total.item<double>();
      if (loss.value.terms.size() < 2) continue;
      std::vector<double>& layers = record.layer_losses[name];
      for (const torch::Tensor& term : loss.value.terms)
        layers.push_back(term.defined() ? term.item<double>() : std::nan(""));
    }
    metrics_->write(format::to_json(record));
  }

  void evaluate_and_keep() {
    const double started = seconds_now();
    optimizer_.catch_up();
    last_evaluation_ = evaluate::evaluate(run_.classifier, run_.task, run_.selection, run_.config.precision);
    const bool best = !progress_.best_score || last_evaluation_.score > *progress_.best_score;
    if (best) {
      progress_.best_score = last_evaluation_.score;
      progress_.best_step = progress_.updates;
      save_model(directory_.path());
    }
    progress_.evaluate_seconds += seconds_now() - started;
    metrics_->write(format::to_json(format::EvaluationRecord{.step = progress_.updates,
                                                             .split = selection_split(),
                                                             .metric = last_evaluation_.metric,
                                                             .score = last_evaluation_.score,
                                                             .best = best,
                                                             .metrics = last_evaluation_.metrics,
                                                             .examples = last_evaluation_.examples}));
    record_codes();
    // JSON's shortest form that reads back as the same number.
    say(base::concat("step ", progress_.updates, ": ", last_evaluation_.metric, " ",
                     nlohmann::json(last_evaluation_.score).dump(), best ? " (best)" : ""));
  }

  void save_model(const std::filesystem::path& dir) {
    format::ModelCard card = run_.provenance;
    card.version = base::kVersion;
    card.task = data::to_json(run_.task);
    card.max_seq_length = run_.config.max_seq_length;
    card.precision = run_.effective_config.at("precision");
    card.step = progress_.updates;
    card.scores = {{selection_split(), to_json(last_evaluation_)}};
    run_.classifier.config().source["kdqat"] = format::to_json(card);
    text::copy_tokenizer_files(run_.tokenizer_dir, dir);
    model::save_classifier(run_.classifier, dir);
    if (!run_.readme.empty()) base::write_file_atomically(dir / "README.md", run_.readme);
  }

  void write_checkpoint() {
    progress_.metrics_bytes = metrics_->sync();
    const double started = seconds_now();
    save_checkpoint(directory_.checkpoint(), optimizer_, progress_, resume_config_);
    last_checkpoint_ = seconds_now();
    checkpoint_cost_ = last_checkpoint_ - started;
  }

  void pause_if_asked() {
    // Whatever the interval: not more than a thirtieth of the time goes into checkpoints.
    const double interval = run_.config.checkpoint_seconds > 0
                                ? std::max(run_.config.checkpoint_seconds, 30.0 * checkpoint_cost_)
                                : 0.0;
    const bool stop = callbacks_.stop_requested && callbacks_.stop_requested();
    if (stop || seconds_now() - last_checkpoint_ >= interval) write_checkpoint();
    if (stop) {
      throw base::Interrupted(base::concat("stopped after step ", progress_.updates, " of ", source_.total(),
                                           "; go on with --resume"));
    }
  }

  TrainingResult end() {
    std::error_code error;
    std::filesystem::create_directories(directory_.last(), error);
    if (error) throw base::IoError(base::concat(directory_.last().string(), ": ", error.message()));
    save_model(directory_.last());
    metrics_->write(format::to_json(format::EndRecord{
        .step = progress_.updates,
        .best_step = progress_.best_step,
        .best_score = *progress_.best_score,
        .last_score = last_evaluation_.score,
        .metric = last_evaluation_.metric,
        .seconds = {{"train", progress_.train_seconds}, {"evaluate", progress_.evaluate_seconds}},
        .peak_rss_bytes = base::peak_rss_bytes(),
        .status = "done"}));
    metrics_->sync();
    directory_.remove_checkpoint();
    return {.steps = progress_.updates,
            .best_step = progress_.best_step,
            .best_score = *progress_.best_score,
            .last_score = last_evaluation_.score,
            .metric = last_evaluation_.metric};
  }

  const TrainingRun& run_;
  const TrainingCallbacks& callbacks_;
  RunDirectory directory_;
  BatchSource source_;
  BertAdam optimizer_;
  nlohmann::json resume_config_;
  Progress progress_;
  std::unique_ptr<format::RunLogWriter> metrics_;
  evaluate::Evaluation last_evaluation_;
  double last_checkpoint_ = 0.0;
  double checkpoint_cost_ = 0.0;
  double tokens_ = 0.0;
  double token_seconds_ = 0.0;
};

}  // namespace

std::optional<TrainingResult> finished_result(const TrainingConfig& config) {
  const std::optional<format::EndRecord> end = RunDirectory(config.output_dir).end_record();
  if (!end) return {};
  return TrainingResult{.steps = end->step,
                        .best_step = end->best_step.value(),
                        .best_score = end->best_score.value(),
                        .last_score = end->last_score.value(),
                        .metric = end->metric};
}

TrainingResult run_training(const TrainingRun& run, const TrainingCallbacks& callbacks) {
  return Loop(run, callbacks).run();
}

}  // namespace kdqat::train
