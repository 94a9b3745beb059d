#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kdqat/quant/linear.h"
#include "kdqat/text/tokenizer.h"
#include "kdqat/train/training_loop.h"

namespace kdqat::cli {

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

/// Records analysis::RankingRatio of the tokens, as the line
///   {"kind": "ranking", "step", "sentences", "tokens": {"[CLS]": [L * H numbers, layer by layer], ...}}
/// of metrics.jsonl. A record costs a forward pass over the sentences. Throws as text::Tokenizer::load and
/// token_ids do.
train::TrainingObserver ranking_observer(const RankingRecordConfig& config,
                                         const std::filesystem::path& teacher_dir,
                                         quant::Precision precision);

/// The records of a run: {"sentences", "steps": [...], "tokens": {"[CLS]": [a list of L * H numbers a
/// step]}}; null where the directory has none. Throws FormatError that names the line for one that is no
/// record.
nlohmann::json read_ranking_records(const std::filesystem::path& run_dir);

}  // namespace kdqat::cli
