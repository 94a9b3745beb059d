#include "kdqat/cli/ranking_record.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "kdqat/analysis/ranking_ratio.h"
#include "kdqat/base/error.h"

namespace kdqat::cli {
namespace {

/// JSON has no NaN.
nlohmann::json finite_numbers(const std::vector<double>& values) {
  nlohmann::json list = nlohmann::json::array();
  for (const double value : values)
    list.push_back(std::isnan(value) ? nlohmann::json() : nlohmann::json(value));
  return list;
}

nlohmann::json record_ranking(const RankingRecordConfig& config, const std::vector<std::int64_t>& ids,
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
  nlohmann::json tokens = nlohmann::json::object();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    analysis::RankingRatio ratio(ids[i]);
    ratio.add(of_batch, batch, classifier.config().num_attention_heads);
    tokens[config.tokens[i]] = finite_numbers(ratio.build().mean);
  }
  return {{"kind", "ranking"}, {"sentences", batch.sentences()}, {"tokens", std::move(tokens)}};
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

train::TrainingObserver ranking_observer(const RankingRecordConfig& config,
                                         const std::filesystem::path& teacher_dir,
                                         quant::Precision precision) {
  if (config.tokens.empty()) return {};
  const std::vector<std::int64_t> ids =
      token_ids(text::Tokenizer::load(teacher_dir), config.tokens, "--record-ranking");
  return {.steps = config.steps,
          .record = [=](const model::Classifier& classifier, const data::Dataset& selection) {
            return record_ranking(config, ids, classifier, selection, precision);
          }};
}

nlohmann::json read_ranking_records(const std::filesystem::path& run_dir) {
  const std::filesystem::path file = run_dir / "metrics.jsonl";
  std::ifstream stream(file);
  nlohmann::json records;
  std::int64_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object() || record.value("kind", "") != "ranking") continue;
    if (!record.contains("step") || !record.contains("sentences") || !record.contains("tokens")) {
      throw base::FormatError(base::concat(file.string(), ", line ", number,
                                           ": expected \"step\", \"sentences\" and \"tokens\", found ",
                                           line.substr(0, 40)));
    }
    records["sentences"] = record.at("sentences");
    records["steps"].push_back(record.at("step"));
    for (const auto& [token, ratios] : record.at("tokens").items())
      records["tokens"][token].push_back(ratios);
  }
  return records;
}

}  // namespace kdqat::cli
