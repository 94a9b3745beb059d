#include "kdqat/analysis/norm_analysis.h"

#include <cmath>
#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/model/pretrained.h"

namespace kdqat::analysis {
namespace {

/// Symmetric min-max of 8 bits, a scale for each row of [rows, ...] or one for all.
torch::Tensor fake_quantize_rows(const torch::Tensor& values, bool by_row) {
  return quant::fake_quantize(values.reshape({values.size(0), -1}), quant::Quantizer::kSymmetric8,
                              by_row ? quant::Granularity::kPerRow : quant::Granularity::kPerTensor)
      .view(values.sizes());
}

/// Mean of [n] by class of its elements, and over all of them; NaN for a class without an element.
void append_class_means(const torch::Tensor& of_keys, std::span<const TokenClass> classes,
                        std::vector<double>& means) {
  std::array<double, kTokenClassNames.size()> sums{};
  std::array<std::int64_t, kTokenClassNames.size()> counts{};
  const torch::Tensor values = of_keys.to(torch::kFloat64).contiguous();
  for (std::size_t key = 0; key < classes.size(); ++key) {
    const double value = values.data_ptr<double>()[key];
    for (const std::size_t place : {static_cast<std::size_t>(classes[key]), kTokenClassNames.size() - 1}) {
      sums[place] += value;
      ++counts[place];
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    means.push_back(counts[i] > 0 ? sums[i] / static_cast<double>(counts[i])
                                  : std::numeric_limits<double>::quiet_NaN());
  }
}

void append(const torch::Tensor& of_heads, std::vector<double>& means) {
  const torch::Tensor values = of_heads.to(torch::kFloat64).contiguous();
  means.insert(means.end(), values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
}

/// One model's means in one sentence, over all layers.
struct SentenceMeans {
  std::vector<double> map;
  std::vector<double> f_x;
  std::vector<double> summed;
  std::vector<double> f_x_by_head;
  std::vector<double> alpha_f_x_by_head;
};

SentenceMeans sentence_means(const NormDifferences::Side& side, const SentenceRange& sentence,
                             std::span<const TokenClass> classes) {
  SentenceMeans means;
  for (std::size_t layer = 0; layer < side.norms.size(); ++layer) {
    const AttentionNorms& of_layer = side.norms[layer];
    const std::int64_t heads = of_layer.f_x.size(0);
    const std::int64_t length = sentence.length;
    const torch::Tensor map = pairs_of(side.signals.attention_map[layer], sentence, heads);
    const torch::Tensor alpha_f_x = pairs_of(of_layer.alpha_f_x, sentence, heads);
    const torch::Tensor f_x = of_layer.f_x.slice(1, sentence.first_token, sentence.first_token + length);
    const torch::Tensor summed = of_layer.summed_of(sentence);
    append_class_means(map.mean(torch::IntArrayRef{0, 1}), classes, means.map);
    append_class_means(f_x.mean(0), classes, means.f_x);
    append_class_means(summed.mean(0), classes, means.summed);
    append(f_x.mean(1), means.f_x_by_head);
    append(alpha_f_x.mean(torch::IntArrayRef{1, 2}), means.alpha_f_x_by_head);
  }
  return means;
}

std::vector<double> distances(const std::vector<double>& teacher, const std::vector<double>& student) {
  std::vector<double> result;
  for (std::size_t i = 0; i < teacher.size(); ++i) result.push_back(std::abs(teacher[i] - student[i]));
  return result;
}

}  // namespace

torch::Tensor AttentionNorms::summed_of(const SentenceRange& sentence) const {
  // With one head a ragged signal begins where that of H heads does, divided by H.
  return pairs_of(summed, {.length = sentence.length, .first_pair = sentence.first_pair / f_x.size(0)}, 1)
      .squeeze(0);
}

NormAnalysis::NormAnalysis(model::Classifier& classifier)
    : config_(classifier.config()),
      quantization_(classifier.quantization()),
      values_(quantization_ ? model::dequantized(classifier).weights() : classifier.weights()) {}

std::vector<AttentionNorms> NormAnalysis::norms(const data::Batch& batch,
                                                const model::Signals& signals) const {
  const torch::NoGradGuard no_grad;
  std::vector<AttentionNorms> result;
  for (std::size_t layer = 0; layer < values_.layers.size(); ++layer) {
    result.push_back(layer_norms(values_.layers[layer], batch,
                                 attention_input(layer, signals.hidden_states[layer]),
                                 signals.attention_map[layer]));
  }
  return result;
}

torch::Tensor NormAnalysis::attention_input(std::size_t layer, const torch::Tensor& hidden) const {
  const bool norm_first =
      config_.norm_order == encoder::NormOrder::kPre && (layer > 0 || config_.first_attention_norm);
  if (!norm_first) return hidden;
  const model::LayerNorm& norm = values_.layers[layer].attention_norm;
  return torch::layer_norm(hidden, {hidden.size(1)}, norm.weight, norm.bias, config_.layer_norm_eps);
}

AttentionNorms NormAnalysis::layer_norms(const model::EncoderLayer& layer, const data::Batch& batch,
                                         const torch::Tensor& hidden, const torch::Tensor& map) const {
  const std::int64_t heads = config_.num_attention_heads;
  const std::int64_t tokens = batch.tokens();
  const bool quantized = quantization_ && quantization_->activation_bits == 8;
  const bool by_token =
      quantized && quantization_->activation_granularity == format::ActivationGranularity::kToken;
  const torch::Tensor x = quantized ? fake_quantize_rows(hidden, by_token) : hidden;
  torch::Tensor value = torch::matmul(x, layer.value.weight.t()) + layer.value.bias;
  if (quantized && !by_token) value = fake_quantize_rows(value, /*by_row=*/false);
  // [H, D/H, D]: the columns of W_O that head h feeds.
  const torch::Tensor output =
      layer.attention_output.weight.view({config_.hidden_size, heads, -1}).permute({1, 2, 0});
  AttentionNorms result{.f_x = torch::empty({heads, tokens}), .alpha_f_x = {}, .summed = {}};
  std::vector<torch::Tensor> alpha_f_x;
  std::vector<torch::Tensor> summed;
  for (const SentenceRange& sentence : sentence_ranges(batch.cu_seqlens, heads)) {
    const std::int64_t end = sentence.first_token + sentence.length;
    torch::Tensor of_heads =
        value.slice(0, sentence.first_token, end).view({sentence.length, heads, -1}).transpose(0, 1);
    if (by_token) of_heads = fake_quantize_rows(of_heads, /*by_row=*/true);
    const torch::Tensor f = torch::bmm(of_heads.contiguous(), output);  // [H, n, D]
    const torch::Tensor norms = f.norm(2, {-1});                        // [H, n]
    const torch::Tensor alpha = pairs_of(map, sentence, heads);         // [H, query, key]
    result.f_x.slice(1, sentence.first_token, end).copy_(norms);
    alpha_f_x.push_back((alpha * norms.unsqueeze(1)).reshape({-1}));
    const torch::Tensor together =
        torch::bmm(alpha.permute({2, 1, 0}), f.transpose(0, 1));  // [key, query, D]
    summed.push_back(together.norm(2, {-1}).t().reshape({-1}));
  }
  result.alpha_f_x = torch::cat(alpha_f_x);
  result.summed = torch::cat(summed);
  return result;
}

void NormDifferences::add(const Side& teacher, const Side& student, const data::Batch& batch,
                          std::span<const TokenClass> classes) {
  const std::size_t layers = teacher.norms.size();
  if (student.norms.size() != layers || static_cast<std::int64_t>(classes.size()) != batch.tokens()) {
    throw base::InvalidArgument(base::concat("norms: expected ", layers, " layers and ", batch.tokens(),
                                             " classes, found ", student.norms.size(), " and ",
                                             classes.size()));
  }
  if (layers == 0) return;
  for (const SentenceRange& sentence : sentence_ranges(batch.cu_seqlens, teacher.norms.front().f_x.size(0))) {
    const std::span<const TokenClass> of_sentence = classes.subspan(
        static_cast<std::size_t>(sentence.first_token), static_cast<std::size_t>(sentence.length));
    const SentenceMeans of_teacher = sentence_means(teacher, sentence, of_sentence);
    const SentenceMeans of_student = sentence_means(student, sentence, of_sentence);
    map_.add(distances(of_teacher.map, of_student.map));
    f_x_.add(distances(of_teacher.f_x, of_student.f_x));
    summed_.add(distances(of_teacher.summed, of_student.summed));
    f_x_by_head_.add(distances(of_teacher.f_x_by_head, of_student.f_x_by_head));
    alpha_f_x_by_head_.add(distances(of_teacher.alpha_f_x_by_head, of_student.alpha_f_x_by_head));
  }
}

}  // namespace kdqat::analysis
