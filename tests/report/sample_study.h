#pragma once

#include <nlohmann/json.hpp>

namespace kdqat::test {

/// Results of a study of two tasks: the first with two seeds and a baseline, the second without any run.
inline nlohmann::json sample_study() {
  const auto run = [](int seed, double score) {
    return nlohmann::json{{"name", "rte/x"}, {"seed", seed}, {"score", score}, {"seconds", 90.0}};
  };
  return {
      {"baseline", "map"},
      {"seeds", {42, 52}},
      {"runs", {{"planned", 10}, {"done", 5}}},
      {"students", {{"learning_rate", 1e-4}}},
      {"variants",
       {{{"name", "map"}, {"options", {{"objective", "map"}}}},
        {{"name", "distill-layers=0,1"}, {"options", {{"distill-layers", "0,1"}}}}}},
      {"tasks",
       {{{"name", "rte"},
         {"task", "rte"},
         {"reported", "dev"},
         {"selection", "hold-out"},
         {"metric", "accuracy"},
         {"examples", 1277},
         {"variants",
          {{{"name", "teacher"},
            {"runs", nlohmann::json::array({run(42, 0.625)})},
            {"mean", 0.625},
            {"deviation", nullptr},
            {"against_baseline", nullptr}},
           {{"name", "map"}, {"runs", {run(42, 0.5), run(52, 0.25)}}, {"mean", 0.375}, {"deviation", 0.125}},
           {{"name", "distill-layers=0,1"},
            {"runs", {run(42, 0.75), run(52, 0.5)}},
            {"mean", 0.625},
            {"deviation", 0.25},
            {"against_baseline",
             {{"seeds", {42, 52}},
              {"difference", 0.25},
              {"low", -0.125},
              {"high", 0.5},
              {"bootstrap_p", 0.0625},
              {"mcnemar_p", {0.0004, 1.0}}}}}}}},
        {{"name", "own"},
         {"task", "custom"},
         {"reported", "test"},
         {"selection", "dev"},
         {"metric", nullptr},
         {"examples", nullptr},
         {"variants", nlohmann::json::array({{{"name", "map"},
                                              {"runs", nlohmann::json::array()},
                                              {"mean", nullptr},
                                              {"deviation", nullptr}}})}}}}};
}

}  // namespace kdqat::test
