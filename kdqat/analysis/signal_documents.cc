#include <cmath>

#include "kdqat/analysis/attention_distance.h"
#include "kdqat/analysis/documents.h"
#include "kdqat/analysis/dynamic_range.h"
#include "kdqat/analysis/quantization_error.h"
#include "kdqat/analysis/ranking_ratio.h"
#include "kdqat/analysis/ranking_record.h"
#include "kdqat/analysis/similarity.h"
#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

using nlohmann::json;

void require_student(const AnalysisInputs& inputs, const char* analysis) {
  if (inputs.students.empty())
    throw base::InvalidArgument(
        base::concat(analysis, ": expected a student to compare (--student NAME=DIR), found none"));
}

/// Signals of all models on one batch.
struct BatchSignals {
  model::Signals teacher;
  std::vector<model::Signals> students;
};

/// Runs every batch through every model and hands the signals over, telling how far it is.
template <typename Body>
void for_each_batch(const AnalysisInputs& inputs, const AnalysisConfig& config, const std::string& title,
                    const Body& body) {
  std::optional<WorkReport> work;  // a batch file is one batch: there is nothing to wait for
  if (!config.from_batch())
    work.emplace(config.on_work, title, static_cast<std::int64_t>(inputs.batches.size()));
  for (std::size_t i = 0; i < inputs.batches.size(); ++i) {
    const AnalysisBatch& batch = inputs.batches[i];
    BatchSignals signals{.teacher = evaluate_signals(inputs.teacher, batch.batch, config.precision),
                         .students = {}};
    for (const NamedModel& student : inputs.students) {
      signals.students.push_back(evaluate_signals(student.classifier, batch.batch, config.precision));
    }
    body(i, batch, signals);
    if (work) work->update(static_cast<std::int64_t>(i) + 1);
  }
  if (work) work->finish();
}

/// NaN, for which JSON has no number, becomes null.
json numbers(const std::vector<double>& values) {
  json list = json::array();
  for (const double value : values) list.push_back(std::isnan(value) ? json() : json(value));
  return list;
}

json statistics_json(const Statistics& statistics) {
  return {{"mean", numbers(statistics.mean)}, {"deviation", numbers(statistics.deviation)}};
}

/// A tensor as nested lists.
json nested(const torch::Tensor& tensor) {
  if (tensor.dim() == 0) return tensor.item<double>();
  json list = json::array();
  for (std::int64_t i = 0; i < tensor.size(0); ++i) list.push_back(nested(tensor[i]));
  return list;
}

/// Maps of one sentence: [L][H] lists of n * n values in ten-thousandths, which is finer than a colour.
json map_values(const model::Signals& signals, std::int64_t heads) {
  json layers = json::array();
  for (const torch::Tensor& ragged : signals.attention_map) {
    json of_heads = json::array();
    const torch::Tensor maps = (ragged.view({heads, -1}) * 1e4).round().to(torch::kInt64).contiguous();
    for (std::int64_t head = 0; head < heads; ++head) {
      const auto* values = maps[head].data_ptr<std::int64_t>();
      of_heads.push_back(std::vector<std::int64_t>(values, values + maps.size(1)));
    }
    layers.push_back(std::move(of_heads));
  }
  return layers;
}

json maps_of(const AnalysisInputs& inputs, const AnalysisBatch& batch, const BatchSignals& signals) {
  const std::int64_t heads = inputs.teacher.config().num_attention_heads;
  json maps = {{"tokens", batch.tokens}, {"teacher", map_values(signals.teacher, heads)}};
  for (std::size_t s = 0; s < inputs.students.size(); ++s) {
    maps["students"][inputs.students[s].name] = map_values(signals.students[s], heads);
  }
  return maps;
}

json range_json(const model::Signals& signals, const std::vector<std::int64_t>& layers) {
  json result;
  for (const std::string_view name : kRangeSignals) {
    const std::vector<TokenRange> ranges = dynamic_range(signals, name);
    json minima = json::array();
    json maxima = json::array();
    for (const std::int64_t layer : layers) {
      minima.push_back(nested(ranges[static_cast<std::size_t>(layer)].minimum));
      maxima.push_back(nested(ranges[static_cast<std::size_t>(layer)].maximum));
    }
    result[std::string(name)] = {{"min", minima}, {"max", maxima}};
  }
  return result;
}

/// Norms of one sentence, by layer.
json norms_json(const std::vector<AttentionNorms>& norms, const SentenceRange& sentence) {
  json f_x = json::array();
  json alpha_f_x = json::array();
  json summed = json::array();
  for (const AttentionNorms& of_layer : norms) {
    const std::int64_t heads = of_layer.f_x.size(0);
    const std::int64_t end = sentence.first_token + sentence.length;
    f_x.push_back(nested(of_layer.f_x.slice(1, sentence.first_token, end)));
    alpha_f_x.push_back(nested(pairs_of(of_layer.alpha_f_x, sentence, heads)));
    summed.push_back(nested(of_layer.summed_of(sentence)));
  }
  return {{"f_x", f_x}, {"alpha_f_x", alpha_f_x}, {"summed_alpha_f_x", summed}};
}

json norms_of_batch(const std::vector<AttentionNorms>& norms, const data::Batch& batch, std::int64_t heads) {
  json sentences = json::array();
  for (const SentenceRange& sentence : sentence_ranges(batch.cu_seqlens, heads)) {
    sentences.push_back(norms_json(norms, sentence));
  }
  return sentences;
}

json differences_json(const NormDifferences& differences) {
  return {{"map", statistics_json(differences.map())},
          {"f_x", statistics_json(differences.f_x())},
          {"summed_alpha_f_x", statistics_json(differences.summed())},
          {"f_x_by_head", statistics_json(differences.f_x_by_head())},
          {"alpha_f_x_by_head", statistics_json(differences.alpha_f_x_by_head())}};
}

json ranking_json(const std::vector<RankingRatio>& ratios, const std::vector<std::string>& names) {
  json result = json::object();
  for (std::size_t i = 0; i < names.size(); ++i) result[names[i]] = statistics_json(ratios[i].build());
  return result;
}

}  // namespace

nlohmann::json describe_inputs(const AnalysisInputs& inputs) {
  std::int64_t sentences = 0;
  for (const AnalysisBatch& batch : inputs.batches) sentences += batch.batch.sentences();
  return {{"layers", inputs.teacher.config().num_hidden_layers},
          {"heads", inputs.teacher.config().num_attention_heads},
          {"sentences", sentences}};
}

void add_students(std::vector<std::pair<std::string, nlohmann::json>> students, bool from_batch,
                  nlohmann::json& document) {
  if (from_batch && students.size() == 1) {
    document.update(students.front().second);
    return;
  }
  for (auto& [name, result] : students) document["students"][name] = std::move(result);
}

nlohmann::json analyze_attention(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  require_student(inputs, "attention");
  json document = describe_inputs(inputs);
  document["top_k"] = config.top_k;
  std::vector<AttentionDistance> distances(inputs.students.size(), AttentionDistance(config.top_k));
  for_each_batch(inputs, config, "attention",
                 [&](std::size_t index, const AnalysisBatch& batch, const BatchSignals& signals) {
                   for (std::size_t s = 0; s < distances.size(); ++s) {
                     distances[s].add(signals.teacher, signals.students[s], batch.batch.cu_seqlens,
                                      inputs.teacher.config().num_attention_heads);
                   }
                   if (!config.from_batch() && static_cast<std::int64_t>(index) < config.map_sentences)
                     document["maps"].push_back(maps_of(inputs, batch, signals));
                 });
  std::vector<std::pair<std::string, json>> students;
  for (std::size_t s = 0; s < distances.size(); ++s) {
    const Statistics cover = distances[s].cover_length_ratio();
    const Statistics ranking = distances[s].ranking_loss();
    students.emplace_back(inputs.students[s].name,
                          json{{"cover_length_ratio", numbers(cover.mean)},
                               {"cover_length_ratio_deviation", numbers(cover.deviation)},
                               {"ranking_loss", numbers(ranking.mean)},
                               {"ranking_loss_deviation", numbers(ranking.deviation)}});
  }
  add_students(std::move(students), config.from_batch(), document);
  return document;
}

nlohmann::json analyze_range(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  json document = describe_inputs(inputs);
  const std::vector<std::int64_t> layers = config.layers.resolve(inputs.teacher.config().num_hidden_layers);
  document["chosen_layers"] = layers;
  document["results"] = json::array();
  for_each_batch(inputs, config, "range",
                 [&](std::size_t, const AnalysisBatch& batch, const BatchSignals& signals) {
                   json result = {{"tokens", batch.tokens},
                                  {"cu_seqlens", batch.batch.cu_seqlens},
                                  {"teacher", range_json(signals.teacher, layers)},
                                  {"students", json::object()}};
                   for (std::size_t s = 0; s < inputs.students.size(); ++s) {
                     result["students"][inputs.students[s].name] = range_json(signals.students[s], layers);
                   }
                   document["results"].push_back(std::move(result));
                 });
  return document;
}

nlohmann::json analyze_norms(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  json document = describe_inputs(inputs);
  document["token_classes"] = kTokenClassNames;
  const std::int64_t heads = inputs.teacher.config().num_attention_heads;
  model::Classifier teacher = inputs.teacher;
  const NormAnalysis of_teacher(teacher);
  std::vector<NormAnalysis> of_students;
  for (NamedModel student : inputs.students) of_students.emplace_back(student.classifier);
  std::vector<NormDifferences> differences(inputs.students.size());
  for_each_batch(
      inputs, config, "norms", [&](std::size_t, const AnalysisBatch& batch, const BatchSignals& signals) {
        const std::vector<AttentionNorms> norms = of_teacher.norms(batch.batch, signals.teacher);
        const std::vector<TokenClass> classes =
            inputs.tokenizer
                ? token_classes(batch, *inputs.tokenizer)
                : std::vector<TokenClass>(static_cast<std::size_t>(batch.batch.tokens()), TokenClass::kOther);
        if (config.from_batch()) document["teacher"] = norms_of_batch(norms, batch.batch, heads);
        for (std::size_t s = 0; s < differences.size(); ++s) {
          differences[s].add({.norms = norms, .signals = signals.teacher},
                             {.norms = of_students[s].norms(batch.batch, signals.students[s]),
                              .signals = signals.students[s]},
                             batch.batch, classes);
        }
      });
  for (std::size_t s = 0; s < differences.size(); ++s) {
    document["students"][inputs.students[s].name] = differences_json(differences[s]);
  }
  return document;
}

namespace {

/// The special tokens before and behind a text: BERT's [CLS] and [SEP].
std::vector<std::string> tokens_around_a_text(const text::Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (const auto& id : {tokenizer.first_special_token(), tokenizer.last_special_token()}) {
    if (id) tokens.push_back(tokenizer.token(*id));
  }
  return tokens;
}

}  // namespace

nlohmann::json analyze_ranking(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  json document = describe_inputs(inputs);
  std::vector<RankingRatio> none;
  if (!inputs.tokenizer)
    throw base::InvalidArgument("ranking: expected a vocabulary in the teacher's folder, found none");
  const std::vector<std::string> tokens =
      config.tokens.empty() ? tokens_around_a_text(*inputs.tokenizer) : config.tokens;
  for (const std::int64_t id : token_ids(*inputs.tokenizer, tokens, "--tokens")) none.emplace_back(id);
  std::vector<RankingRatio> teacher = none;
  std::vector<std::vector<RankingRatio>> students(inputs.students.size(), none);
  const std::int64_t heads = inputs.teacher.config().num_attention_heads;
  for_each_batch(inputs, config, "ranking",
                 [&](std::size_t, const AnalysisBatch& batch, const BatchSignals& signals) {
                   for (RankingRatio& ratio : teacher) ratio.add(signals.teacher, batch.batch, heads);
                   for (std::size_t s = 0; s < students.size(); ++s) {
                     for (RankingRatio& ratio : students[s]) {
                       ratio.add(signals.students[s], batch.batch, heads);
                     }
                   }
                 });
  document["tokens"] = tokens;
  document["teacher"] = ranking_json(teacher, tokens);
  document["students"] = json::object();
  for (std::size_t s = 0; s < students.size(); ++s) {
    json& student = document["students"][inputs.students[s].name];
    student = ranking_json(students[s], tokens);
    if (json training = read_ranking_records(inputs.students[s].directory); !training.is_null())
      student["training"] = std::move(training);
  }
  return document;
}

nlohmann::json analyze_layers(const AnalysisInputs& inputs, const AnalysisConfig& config) {
  require_student(inputs, "layers");
  json document = describe_inputs(inputs);
  std::vector<HiddenSimilarity> similarities(inputs.students.size());
  std::vector<QuantizationError> errors;
  for (const NamedModel& student : inputs.students) errors.emplace_back(student.classifier);
  for_each_batch(inputs, config, "layers",
                 [&](std::size_t, const AnalysisBatch& batch, const BatchSignals& signals) {
                   for (std::size_t s = 0; s < errors.size(); ++s) {
                     similarities[s].add(signals.teacher, signals.students[s]);
                     errors[s].add(batch.batch);
                   }
                 });
  std::vector<std::pair<std::string, json>> students;
  for (std::size_t s = 0; s < errors.size(); ++s) {
    json similarity = json::array();
    for (const std::vector<double>& row : similarities[s].matrix()) similarity.push_back(numbers(row));
    students.emplace_back(inputs.students[s].name,
                          json{{"quantization_error",
                                {{"total", statistics_json(errors[s].total())},
                                 {"inherited", statistics_json(errors[s].inherited())},
                                 {"weights", statistics_json(errors[s].weights())},
                                 {"activations", statistics_json(errors[s].activations())}}},
                               {"cka", std::move(similarity)}});
  }
  add_students(std::move(students), config.from_batch(), document);
  return document;
}

}  // namespace kdqat::analysis
