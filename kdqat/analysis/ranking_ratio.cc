#include "kdqat/analysis/ranking_ratio.h"

#include <cmath>
#include <limits>

namespace kdqat::analysis {
namespace {

/// Mean rank ratio of key `place` over the rows of each head's map, [H, n, n] -> [H].
torch::Tensor rank_ratios(const torch::Tensor& maps, std::int64_t place) {
  const std::int64_t length = maps.size(2);
  const torch::Tensor own = maps.slice(2, place, place + 1);
  const torch::Tensor ranks =
      maps.gt(own).sum(2) + maps.slice(2, 0, place).eq(own).sum(2);  // an equal one before it goes first
  return ranks.to(torch::kFloat64).mean(1) / static_cast<double>(length);
}

}  // namespace

void RankingRatio::add(const model::Signals& signals, const data::Batch& batch, std::int64_t heads) {
  const torch::Tensor ids = batch.input_ids.contiguous();
  const auto* id = ids.data_ptr<std::int64_t>();
  for (const SentenceRange& sentence : sentence_ranges(batch.cu_seqlens, heads)) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < sentence.length; ++i) {
      if (id[sentence.first_token + i] == token_id_) places.push_back(i);
    }
    std::vector<double> ratios;
    for (const torch::Tensor& ragged : signals.attention_map) {
      torch::Tensor sum = torch::zeros({heads}, torch::kFloat64);
      for (const std::int64_t place : places) sum += rank_ratios(pairs_of(ragged, sentence, heads), place);
      for (std::int64_t head = 0; head < heads; ++head) {
        ratios.push_back(places.empty() ? std::numeric_limits<double>::quiet_NaN()
                                        : sum[head].item<double>() / static_cast<double>(places.size()));
      }
    }
    statistics_.add(std::move(ratios));
  }
}

}  // namespace kdqat::analysis
