#include "kdqat/train/step_benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>

#include "kdqat/base/error.h"
#include "kdqat/base/machine.h"
#include "kdqat/base/parallel.h"
#include "kdqat/base/random.h"
#include "kdqat/distill/objective.h"
#include "kdqat/kernels/matmul.h"
#include "kdqat/model/initialization.h"
#include "kdqat/train/bert_adam.h"

namespace kdqat::train {
namespace {

using kernels::ElementType;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double seconds_of(const std::function<void()>& work, std::int64_t repetitions) {
  work();
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < repetitions; ++i) {
    const double started = now();
    work();
    seconds.push_back(now() - started);
  }
  return median(seconds);
}

data::Batch random_batch(const encoder::EncoderConfig& config, std::span<const std::int64_t> lengths,
                         std::uint64_t seed) {
  base::Random random(seed);
  std::vector<text::Encoding> encodings;
  std::vector<double> labels;
  for (const std::int64_t length : lengths) {
    text::Encoding encoding;
    for (std::int64_t i = 0; i < length; ++i) {
      encoding.input_ids.push_back(
          static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocab_size))));
      encoding.token_type_ids.push_back(0);
    }
    encodings.push_back(std::move(encoding));
    labels.push_back(static_cast<double>(random.below(static_cast<std::uint64_t>(config.num_labels))));
  }
  std::vector<const text::Encoding*> pointers;
  for (const text::Encoding& encoding : encodings) pointers.push_back(&encoding);
  return data::make_batch(pointers, labels, /*regression=*/false);
}

/// A product [m, k] x [k, n] of a step, which occurs `count` times.
struct Product {
  std::int64_t m, k, n;
  bool transposed_left, transposed_right;
  ElementType type;
  std::int64_t count;

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  }
};

std::vector<Product> products_of_step(const encoder::EncoderConfig& config, std::int64_t tokens) {
  const std::int64_t d = config.hidden_size;
  const std::int64_t f = config.intermediate_size;
  std::vector<Product> products;
  for (const auto& [in, out, each] : {std::tuple{d, d, 4}, {d, f, 1}, {f, d, 1}}) {
    const std::int64_t count = each * config.num_hidden_layers;
    products.push_back({tokens, in, out, false, true, ElementType::kBF16, count});   // teacher
    products.push_back({tokens, in, out, false, true, ElementType::kS8, count});     // student
    products.push_back({tokens, out, in, false, false, ElementType::kBF16, count});  // gradient of the input
    products.push_back({out, tokens, in, true, false, ElementType::kBF16, count});   // gradient of the weight
  }
  return products;
}

double seconds_of_product(const Product& product, std::int64_t repetitions) {
  const auto dtype = product.type == ElementType::kS8 ? torch::kInt8 : torch::kBFloat16;
  const torch::Tensor left = torch::ones({product.m * product.k}, dtype);
  const torch::Tensor right = torch::ones({product.k * product.n}, dtype);
  torch::Tensor out = torch::empty({product.m * product.n}, torch::kFloat32);
  return seconds_of(
      [&] {
        kernels::matmul({left.data_ptr(), product.type, product.m, product.k, product.transposed_left},
                        {right.data_ptr(), product.type, product.k, product.n, product.transposed_right},
                        out.data_ptr(), {.right_magnitude = 1});
      },
      repetitions);
}

/// A teacher, a student and its optimizer, one step at a time.
class Step {
 public:
  Step(const StepBenchmarkConfig& config, quant::Form form, std::span<const std::int64_t> lengths)
      : lengths_(lengths),
        options_{.dropout = {},
                 .form = form,
                 .precision = config.precision,
                 .signals = distill::needed_signals({})},
        teacher_(config.encoder, std::nullopt, model::random_weights(config.encoder, 1)),
        student_(model::make_student(teacher_, {})),
        optimizer_((student_.set_requires_grad(true), BertAdamConfig{}), student_.parameters(), 1000) {
    if (form == quant::Form::kFused) teacher_.freeze(config.precision);
  }

  /// Seconds by stage. Every run takes other tokens, so that the word embedding's rows fall behind and catch
  /// up.
  std::map<std::string, double> run() {
    batch_ = random_batch(teacher_.config(), lengths_, ++runs_);
    std::map<std::string, double> seconds;
    double started = now();
    const auto lap = [&](const char* stage) {
      const double time = now();
      seconds[stage] += time - started;
      seconds["total"] += time - started;
      started = time;
    };
    optimizer_.catch_up(batch_.input_ids);
    lap("optimizer");
    model::Signals teacher_signals;
    {
      const torch::NoGradGuard no_grad;
      teacher_signals = teacher_.forward(batch_, options_);
    }
    lap("teacher_forward");
    model::ForwardOptions options = options_;
    if (with_dropout) options.dropout = {.seed = 42, .update = runs_};
    const model::Signals student_signals = student_.forward(batch_, options);
    lap("student_forward");
    const distill::LayerSelection layers;
    const torch::Tensor total =
        distill::compute_objective({}, {teacher_signals, student_signals, layers, options_.form}, {}).total;
    loss = total.item<double>();
    lap("losses");
    total.backward();
    lap("backward");
    if (measure_gradient) gradient_norm = norm_of_gradients();
    started = now();
    optimizer_.update();
    lap("optimizer");
    return seconds;
  }

  std::int64_t tokens() const { return batch_.tokens(); }

  bool with_dropout = false;
  bool measure_gradient = false;
  double loss = 0.0;
  double gradient_norm = 0.0;

 private:
  double norm_of_gradients() {
    double squares = 0.0;
    for (const model::NamedParameter& parameter : student_.parameters()) {
      const torch::Tensor gradient = parameter.tensor->grad();
      if (!gradient.defined()) continue;
      squares += (gradient.is_sparse() ? gradient._values() : gradient).pow(2).sum().item<double>();
    }
    return std::sqrt(squares);
  }

  std::span<const std::int64_t> lengths_;
  std::uint64_t runs_ = 0;
  model::ForwardOptions options_;
  model::Classifier teacher_;
  model::Classifier student_;
  data::Batch batch_;
  BertAdam optimizer_;
};

/// Relative differences of loss and gradients between the two forms, in float32.
nlohmann::json compare_forms(StepBenchmarkConfig config) {
  config.precision = quant::Precision::kFp32;
  const std::span lengths = std::span(config.lengths).first(std::min<std::size_t>(config.lengths.size(), 2));
  const auto run = [&](quant::Form form) {
    Step step(config, form, lengths);
    step.measure_gradient = true;
    step.run();
    return std::pair(step.loss, step.gradient_norm);
  };
  const auto [plain_loss, plain_norm] = run(quant::Form::kPlain);
  const auto [fused_loss, fused_norm] = run(quant::Form::kFused);
  const double loss = std::abs(fused_loss - plain_loss) / plain_loss;
  const double gradient = std::abs(fused_norm - plain_norm) / plain_norm;
  if (!(loss < 1e-3) || !(gradient < 1e-3)) {
    throw base::NumericError(base::concat("fused form: expected the plain form's loss ", plain_loss,
                                          " and gradient norm ", plain_norm, ", found ", fused_loss, " and ",
                                          fused_norm));
  }
  return {{"loss_difference", loss}, {"gradient_norm_difference", gradient}};
}

}  // namespace

nlohmann::json benchmark_step(const StepBenchmarkConfig& config) {
  const nlohmann::json check = compare_forms(config);
  Step step(config, quant::Form::kFused, config.lengths);
  step.with_dropout = true;
  step.run();
  std::map<std::string, std::vector<double>> laps;
  for (std::int64_t i = 0; i < config.repetitions; ++i) {
    for (const auto& [stage, seconds] : step.run()) laps[stage].push_back(seconds);
  }
  nlohmann::json stages;
  for (const auto& [stage, seconds] : laps) stages[stage] = median(seconds);

  double floor_seconds = 0.0;
  std::map<ElementType, std::pair<double, double>> rates;  // operations and seconds
  for (const Product& product : products_of_step(config.encoder, step.tokens())) {
    const double seconds =
        seconds_of_product(product, config.repetitions) * static_cast<double>(product.count);
    floor_seconds += seconds;
    rates[product.type].first += product.flops() * static_cast<double>(product.count);
    rates[product.type].second += seconds;
  }
  const auto rate = [&](ElementType type) { return rates[type].first / rates[type].second / 1e9; };
  const double total = stages.at("total");
  return {{"step_seconds", stages},
          {"tokens", step.tokens()},
          {"tokens_per_second", static_cast<double>(step.tokens()) / total},
          {"gemm_floor_seconds", floor_seconds},
          {"fraction_of_floor", floor_seconds / total},
          {"products", {{"bf16", rate(ElementType::kBF16)}, {"int8", rate(ElementType::kS8)}}},
          {"peak_rss_bytes", base::peak_rss_bytes()},
          {"threads", base::num_threads()},
          {"cpu", base::processor_name()},
          {"check", check}};
}

}  // namespace kdqat::train
