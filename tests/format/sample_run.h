#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace kdqat::test {

/// What a short distillation might record: every kind of line and key, with smooth made-up figures.
inline std::string sample_metrics() {
  using nlohmann::json;
  constexpr int kSteps = 120;
  constexpr int kLayers = 4;
  std::string lines;
  const auto add = [&](const json& line) { lines += line.dump() + '\n'; };
  const auto add_codes = [&](int step) {
    json tensors = json::array();
    for (int layer = 0; layer < kLayers; ++layer) {
      for (const char* role : {"query", "key", "value", "attention_output", "intermediate", "output"}) {
        const double zero = 0.45 + 0.01 * layer;
        tensors.push_back({{"name", "bert.encoder.layer." + std::to_string(layer) + '.' + role},
                           {"layer", layer},
                           {"role", role},
                           {"negative", (1.0 - zero) / 2},
                           {"zero", zero},
                           {"positive", (1.0 - zero) / 2},
                           {"scale", 0.04 + 0.001 * layer + 0.0001 * step}});
      }
    }
    tensors.push_back({{"name", "bert.pooler.dense.weight"},
                       {"layer", -1},
                       {"role", "pooler"},
                       {"negative", 0.25},
                       {"zero", 0.5},
                       {"positive", 0.25},
                       {"scale", 0.05}});
    add({{"kind", "codes"}, {"step", step}, {"tensors", tensors}});
  };

  add({{"kind", "run"},
       {"command", "distill"},
       {"version", "0.1.0"},
       {"started", "2026-01-02T03:04:05Z"},
       {"task", "sst-2"},
       {"config", {{"learning_rate", 1e-4}, {"objective", {{"name", "unified"}, {"gamma", 0.5}}}}},
       {"model", {{"parameters", 22713986}, {"hidden_size", 384}}},
       {"machine", {{"cpu", "A & B <64>"}, {"threads", 2}}}});
  add_codes(0);
  for (int step = 1; step <= kSteps; ++step) {
    const double part = 1.0 / step;
    json layers = json::array();
    for (int layer = 0; layer < kLayers; ++layer) layers.push_back(part * (1 + layer));
    add({{"kind", "step"},
         {"step", step},
         {"epoch", 0.01 * step},
         {"learning_rate", 1e-4 * (kSteps - step) / kSteps},
         {"loss", 2 * part},
         {"losses", {{"logit", part}, {"attention_map", part}}},
         {"layer_losses", {{"attention_map", layers}, {"hidden_state", layers}}},
         {"tokens_per_second", 5000 + step}});
    if (step % 30 == 0) {
      const double score = 0.9 - part;
      add({{"kind", "evaluation"},
           {"step", step},
           {"split", "dev"},
           {"metric", "accuracy"},
           {"score", score},
           {"metrics", {{"accuracy", score}}},
           {"best", true}});
    }
  }
  add_codes(kSteps);
  add({{"kind", "end"},
       {"step", kSteps},
       {"best_step", kSteps},
       {"best_score", 0.8917},
       {"seconds", {{"train", 100.2}, {"evaluate", 20.1}}},
       {"peak_rss_bytes", 1823456789},
       {"status", "done"}});
  return lines;
}

}  // namespace kdqat::test
