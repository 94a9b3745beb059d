#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kdqat/data/dataset.h"
#include "kdqat/format/run_log.h"
#include "kdqat/model/classifier.h"
#include "kdqat/quant/linear.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::analysis {

/// What `kdqat distill` is asked to keep of the ranks of tokens while it trains.
struct RankingRecordConfig {
  std::vector<std::string> tokens;  ///< none: nothing is kept
  std::int64_t steps = 50;          ///< updates from one record to the next
  std::int64_t sentences = 32;      ///< the first of the examples that choose the best model
};

/// Ids of tokens by name. Throws InvalidArgument that begins with `option` for one that is not in the
/// vocabulary.
std::vector<std::int64_t> token_ids(const text::Tokenizer& tokenizer, const std::vector<std::string>& names,
                                    const std::string& option);

/// What makes the records of RankingRatio of the tokens, from a model and the examples that choose the best
/// one. A training adds the step and writes them to metrics.jsonl (train::TrainingObserver). A record costs a
/// forward pass over the sentences. Throws as text::Tokenizer::load and token_ids do; there are tokens.
std::function<format::RankingRecord(const model::Classifier&, const data::Dataset&)> ranking_recorder(
    const RankingRecordConfig& config, const std::filesystem::path& teacher_dir, quant::Precision precision);

/// The records of a run: {"sentences", "steps": [...], "tokens": {"[CLS]": [a list of L * H numbers a
/// step]}}; null where the directory has none. Throws as format::read_run_log does.
nlohmann::json read_ranking_records(const std::filesystem::path& run_dir);

}  // namespace kdqat::analysis
