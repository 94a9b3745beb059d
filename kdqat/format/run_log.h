#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kdqat::format {

// metrics.jsonl, what a training run writes of itself, one JSON object a line, told apart by its "kind":
//
//   RunLogWriter log(dir / "metrics.jsonl", /*size=*/0);
//   log.write(to_json(StepRecord{.step = 10, .loss = 1.9, .losses = {{"logit", 0.7}}}));
//   const RunLog run = read_run_log(dir / "metrics.jsonl");
//   run.steps.back().loss;  // 1.9
//
// The lines, with every key that is written:
//
//   {"kind": "run", "command": "distill", "version": "0.1.0", "started": "2026-11-24T06:00:00Z",
//    "task": "sst-2", "config": {...}, "model": {"parameters": 22713986, ...},
//    "machine": {"cpu": "...", "threads": 2}}
//   {"kind": "step", "step": 10, "epoch": 0.2, "learning_rate": 1e-5, "loss": 1.9, "losses": {"logit": 0.7,
//   ...},
//    "layer_losses": {"attention_map": [a value a layer], "hidden_state": [L + 1 values], ...},
//    "tokens_per_second": 5120}
//   {"kind": "evaluation", "step": 100, "split": "dev", "metric": "accuracy", "score": 0.861, "best": true,
//    "metrics": {"accuracy": 0.861}, "examples": 872}
//   {"kind": "codes", "step": 100, "tensors": [{"name": "bert.encoder.layer.0.attention.self.query.weight",
//    "layer": 0, "role": "query", "negative": 0.27, "zero": 0.46, "positive": 0.27, "scale": 0.051}, ...]}
//   {"kind": "ranking", "step": 100, "sentences": 32, "tokens": {"[CLS]": [L * H numbers, layer by layer]}}
//   {"kind": "end", "step": 750, "best_step": 600, "best_score": 0.869, "last_score": 0.861,
//    "metric": "accuracy", "seconds": {"train": 100.2, "evaluate": 20.1}, "peak_rss_bytes": 123,
//    "status": "done"}
//
// A value that is null (JSON has no NaN) is missing.

/// What a run was when it began.
struct RunStart {
  std::string command = {};
  std::string version = {};
  std::string started = {};  ///< when, as ISO 8601 writes it
  std::string task = {};
  nlohmann::json config = nlohmann::json::object();   ///< the effective configuration
  nlohmann::json model = nlohmann::json::object();    ///< facts about the model, such as "parameters"
  nlohmann::json machine = nlohmann::json::object();  ///< facts about the machine, such as "cpu"
};

/// One step of training.
struct StepRecord {
  std::int64_t step = 0;
  std::optional<double> epoch = {};
  std::optional<double> learning_rate = {};
  std::optional<double> loss = {};
  std::map<std::string, double> losses = {};  ///< the parts of the loss by name
  std::map<std::string, std::vector<double>> layer_losses =
      {};  ///< by name: a value a layer, NaN where it has none; L + 1 for hidden_state
  std::optional<double> tokens_per_second = {};
};

struct EvaluationRecord {
  std::int64_t step = 0;
  std::string split = {};
  std::string metric = {};
  double score = 0.0;
  bool best = false;  ///< the best so far of the run
  std::map<std::string, double> metrics = {};
  std::optional<std::int64_t> examples = {};
};

/// The ternary codes of one weight: the shares of -1, 0 and +1, and the mean of its scales.
struct TensorCodes {
  std::string name;
  std::int64_t layer = -1;  ///< -1: outside of the layers
  std::string role;  ///< query, key, value, attention_output, intermediate, output, pooler, word_embeddings
  double negative = 0.0;
  double zero = 0.0;
  double positive = 0.0;
  double scale = 0.0;
};

struct CodesRecord {
  std::int64_t step = 0;
  std::vector<TensorCodes> tensors = {};
};

/// Ranks of chosen tokens (analysis::RankingRatio), as --record-ranking keeps them.
struct RankingRecord {
  std::int64_t step = 0;
  std::int64_t sentences = 0;
  std::map<std::string, std::vector<double>> tokens = {};  ///< L * H numbers each; NaN where there is none
};

struct EndRecord {
  std::int64_t step = 0;
  std::optional<std::int64_t> best_step = {};
  std::optional<double> best_score = {};
  std::optional<double> last_score = {};
  std::string metric = {};
  std::map<std::string, double> seconds = {};  ///< by what was done: train, evaluate ...
  std::optional<std::int64_t> peak_rss_bytes = {};
  std::string status = {};  ///< done, interrupted ...
};

/// The line of a record.
nlohmann::json to_json(const RunStart& start);
nlohmann::json to_json(const StepRecord& record);
nlohmann::json to_json(const EvaluationRecord& record);
nlohmann::json to_json(const CodesRecord& record);
nlohmann::json to_json(const RankingRecord& record);
nlohmann::json to_json(const EndRecord& record);

/// metrics.jsonl, written line by line and kept by every stop of the program up to the last line.
class RunLogWriter {
 public:
  /// Opens the file cut to its first `size` bytes (0: anew). Throws IoError.
  RunLogWriter(const std::filesystem::path& path, std::int64_t size);
  RunLogWriter(const RunLogWriter&) = delete;
  RunLogWriter& operator=(const RunLogWriter&) = delete;
  ~RunLogWriter();

  /// Appends one line. Throws IoError.
  void write(const nlohmann::json& record);

  /// Bytes written so far, on the disk when this returns. Throws IoError.
  std::int64_t sync();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

/// What a training run wrote of itself.
struct RunLog {
  RunStart start;
  std::vector<StepRecord> steps;  ///< this and the next three: by rising step
  std::vector<EvaluationRecord> evaluations;
  std::vector<CodesRecord> codes;
  std::vector<RankingRecord> rankings;
  std::optional<EndRecord> end;  ///< missing where the run goes on or broke off
};

/// Reads a run's metrics.jsonl. Needed are the "step" of all but "run", the "tensors" of codes with all their
/// numbers, and the "sentences" of a ranking. Other kinds and keys are left alone; an evaluation without a
/// score is left out.
///
/// A resumed run repeats the steps after its last checkpoint: a line replaces the earlier ones of its kind
/// that are not before it; of "run" and "end" the last one counts. A last line that is no complete JSON, as a
/// kill leaves it, is left out; whoever resumes a run first cuts such a line off.
///
/// Throws IoError if the file cannot be read, FormatError that names file, line and key if another line is no
/// JSON object or if a value has the wrong type.
RunLog read_run_log(const std::filesystem::path& metrics_jsonl);

/// The first line alone. Throws FormatError that names the file if it is no "run".
RunStart read_run_start(const std::filesystem::path& metrics_jsonl);

/// The last line alone, if it is the "end" of a run that is done; nothing where it is another line or there
/// is no file. Throws FormatError that names file and key if that line lacks a step or a score.
std::optional<EndRecord> read_run_end(const std::filesystem::path& metrics_jsonl);

}  // namespace kdqat::format
