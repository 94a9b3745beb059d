#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kdqat::report {

/// One step of training, or the mean of the steps since the line before.
struct StepRecord {
  std::int64_t step = 0;
  std::optional<double> learning_rate;
  std::optional<double> loss;
  std::map<std::string, double> losses;  ///< the parts of the loss by name
  std::map<std::string, std::vector<double>>
      layer_losses;  ///< by name: a value a layer; L + 1 for hidden_state
  std::optional<double> tokens_per_second;
};

struct EvaluationRecord {
  std::int64_t step = 0;
  std::string split;
  std::string metric;
  double score = 0.0;
  bool best = false;  ///< the best so far of the run
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
  std::vector<TensorCodes> tensors;
};

struct EndRecord {
  std::int64_t step = 0;
  std::optional<std::int64_t> best_step;
  std::optional<double> best_score;
  std::map<std::string, double> seconds;  ///< by what was done: train, evaluate ...
  std::optional<std::int64_t> peak_rss_bytes;
  std::string status;  ///< done, interrupted ...
};

/// What a training run wrote of itself.
struct RunRecord {
  std::string command;
  std::string version;
  std::string started;  ///< when, as ISO 8601 writes it
  std::string task;
  nlohmann::json config = nlohmann::json::object();   ///< the effective configuration
  nlohmann::json model = nlohmann::json::object();    ///< facts about the model, such as "parameters"
  nlohmann::json machine = nlohmann::json::object();  ///< facts about the machine, such as "cpu"
  std::vector<StepRecord> steps;                      ///< this and the next two: by rising step
  std::vector<EvaluationRecord> evaluations;
  std::vector<CodesRecord> codes;
  std::optional<EndRecord> end;  ///< missing where the run goes on or broke off
};

/// Reads a run's metrics.jsonl: one JSON object a line, told apart by its "kind":
///
///   {"kind": "run", "command": "distill", "version": "0.1.0", "started": "2026-11-24T06:00:00Z",
///    "task": "sst-2", "config": {...}, "model": {"parameters": 22713986, ...},
///    "machine": {"cpu": "...", "threads": 2}}
///   {"kind": "step", "step": 10, "learning_rate": 1e-5, "loss": 1.9, "losses": {"logit": 0.7, ...},
///    "layer_losses": {"attention_map": [a value a layer], "hidden_state": [L + 1 values], ...},
///    "tokens_per_second": 5120}
///   {"kind": "evaluation", "step": 100, "split": "dev", "metric": "accuracy", "score": 0.861, "best": true}
///   {"kind": "codes", "step": 100, "tensors": [{"name": "bert.encoder.layer.0.attention.self.query.weight",
///    "layer": 0, "role": "query", "negative": 0.27, "zero": 0.46, "positive": 0.27, "scale": 0.051}, ...]}
///   {"kind": "end", "step": 750, "best_step": 600, "best_score": 0.869, "status": "done",
///    "seconds": {"train": 100.2, "evaluate": 20.1}, "peak_rss_bytes": 123}
///
/// Needed are the "step" of all but "run" and the "tensors" of codes with all their numbers. Other kinds and
/// keys are left alone. A value that is null (JSON has no NaN) is missing; an evaluation without a score is
/// left out.
///
/// A resumed run repeats the steps after its last checkpoint: a line replaces the earlier ones of its kind
/// that are not before it; of "run" and "end" the last one counts. A last line that is no complete JSON, as a
/// kill leaves it, is left out; whoever resumes a run first cuts such a line off.
///
/// Throws IoError if the file cannot be read, FormatError that names file, line and key if another line is no
/// JSON object or if a value has the wrong type.
RunRecord read_run_record(const std::filesystem::path& metrics_jsonl);

}  // namespace kdqat::report
