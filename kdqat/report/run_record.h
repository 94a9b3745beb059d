#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

// What a training run recorded:
//
//   const RunRecord run = read_run_record("runs/student/metrics.jsonl");
//   run.evaluations.back().score;

namespace kdqat::report {

/// One step of training, or the mean of the steps since the previous record.
struct StepRecord {
  std::int64_t step = 0;
  std::optional<double> learning_rate;
  std::optional<double> loss;
  std::map<std::string, double> losses;  ///< the parts of the loss by name
  std::map<std::string, std::vector<double>>
      layer_losses;  ///< by name: one value a layer; hidden_state has L + 1
  std::optional<double> tokens_per_second;
};

struct EvaluationRecord {
  std::int64_t step = 0;
  std::string split;
  std::string metric;
  double score = 0.0;
  bool best = false;  ///< the best score of the run so far
};

/// The ternary codes of one weight: the shares of -1, 0 and +1, and the mean of its scales.
struct TensorCodes {
  std::string name;
  std::int64_t layer = -1;  ///< -1: in no layer
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
  std::map<std::string, double> seconds;  ///< by activity: train, evaluate ...
  std::optional<std::int64_t> peak_rss_bytes;
  std::string status;  ///< done, interrupted ...
};

/// The records of one training run.
struct RunRecord {
  std::string command;
  std::string version;
  std::string started;  ///< time in ISO 8601
  std::string task;
  nlohmann::json config = nlohmann::json::object();   ///< the effective configuration
  nlohmann::json model = nlohmann::json::object();    ///< facts about the model, such as "parameters"
  nlohmann::json machine = nlohmann::json::object();  ///< facts about the machine, such as "cpu"
  std::vector<StepRecord> steps;                      ///< this and the next two: in the order of the steps
  std::vector<EvaluationRecord> evaluations;
  std::vector<CodesRecord> codes;
  std::optional<EndRecord> end;  ///< missing if the run still goes on or was killed
};

/// Reads a run's metrics.jsonl: one JSON object a line. Its "kind" says what it is:
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
/// Required are "step" in all kinds but "run", and "tensors" in codes with all their numbers. Other kinds and
/// keys are ignored. A value of null counts as missing (JSON has no NaN). An evaluation without a score is
/// left out.
///
/// A resumed run repeats the steps after its last checkpoint. So a line replaces earlier lines of its kind
/// that have the same or a later step; the last "run" and "end" count. If the last line is not complete JSON,
/// as after a kill, it is left out; a resumed run first cuts such a line off.
///
/// Throws IoError if the file cannot be read. Throws FormatError that names file, line and key if any other
/// line is not a JSON object or a value has the wrong type.
RunRecord read_run_record(const std::filesystem::path& metrics_jsonl);

}  // namespace kdqat::report
