#include "kdqat/analysis/ranking_record.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kdqat/analysis/ranking_ratio.h"
#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

/// JSON has no NaN.
nlohmann::json finite_numbers(const std::vector<double>& values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double value : values)
    list.push_back(std::isnan(value) ? nlohmann::json() : nlohmann::json(value));
  return list;
}

format::RankingRecord record_ranking(const RankingRecordConfig& config, const std::vector<std::int64_t>& ids,
                                     const model::Classifier& classifier, const data::Dataset& selection,
                                     quant::Precision precision) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> sentences(static_cast<std::size_t>(std::min(config.sentences, selection.size())));
  std::iota(sentences.begin(), sentences.end(), 0);
  const data::Batch batch = selection.batch(sentences);
  model::SignalSelection signals = model::kNoSignals;
  signals.attention_map = true;
  const model::Signals of_batch =
      classifier.forward(batch, {.dropout = {}, .precision = precision, .signals = signals});
  format::RankingRecord record{.sentences = batch.sentences()};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    RankingRatio ratio(ids[i]);
    ratio.add(of_batch, batch, classifier.config().num_attention_heads);
    record.tokens[config.tokens[i]] = ratio.build().mean;
  }
  return record;
}

}  // namespace

std::vector<std::int64_t> token_ids(const text::Tokenizer& tokenizer, const std::vector<std::string>& names,
                                    const std::string& option) {
  std::vector<std::int64_t> ids;
  for (const std::string& name : names) {
    const std::optional<std::int32_t> id = tokenizer.find(name);
    if (!id) {
      throw base::InvalidArgument(
          base::concat(option, ": expected tokens of the teacher's vocabulary, found '", name, "'"));
    }
    ids.push_back(*id);
  }
  return ids;
}

std::function<format::RankingRecord(const model::Classifier&, const data::Dataset&)> ranking_recorder(
    const RankingRecordConfig& config, const std::filesystem::path& teacher_dir, quant::Precision precision) {
  const std::vector<std::int64_t> ids =
      token_ids(text::Tokenizer::load(teacher_dir), config.tokens, "--record-ranking");
  return [=](const model::Classifier& classifier, const data::Dataset& selection) {
    return record_ranking(config, ids, classifier, selection, precision);
  };
}

nlohmann::json read_ranking_records(const std::filesystem::path& run_dir) {
  const std::filesystem::path file = run_dir / "metrics.jsonl";
  nlohmann::json records;
  if (!std::filesystem::exists(file)) return records;
  for (const format::RankingRecord& record : format::read_run_log(file).rankings) {
    records["sentences"] = record.sentences;
    records["steps"].push_back(record.step);
    for (const auto& [token, ratios] : record.tokens)
      records["tokens"][token].push_back(finite_numbers(ratios));
  }
  return records;
}

}  // namespace kdqat::analysis
