#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kdqat/base/file.h"
#include "kdqat/evaluate/metrics.h"
#include "kdqat/study/record.h"
#include "kdqat/study/study.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::study {

/// A study in a folder of its own: an encoder of four layers, the tasks "rte" (an encoder, no test split) and
/// "own" (a ready teacher, with a test split), two variants, two seeds.
class SampleStudy {
 public:
  SampleStudy() {
    write("encoder/config.json",
          R"({"model_type": "bert", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 4,)"
          R"( "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32,)"
          R"( "type_vocab_size": 2})");
    for (const char* split : {"train", "dev"}) write(std::string("rte/") + split + ".tsv", "");
    for (const char* split : {"train", "dev", "test"})
      write(std::string("own/") + split + ".tsv", "text\tlabel\na\tx\nb\ty\n");
    study.tasks = {
        {.name = "rte", .task = "rte", .data_dir = root / "rte", .model_dir = root / "encoder"},
        {.name = "own", .task = "custom", .data_dir = root / "own", .teacher_dir = root / "encoder"}};
    add_variant("ternarybert", distill::Recipe::kTernaryBert);
    add_variant("map", distill::Recipe::kMap);
    study.seeds = {42, 52};
    study.output_dir = root / "runs";
  }

  /// The run of this name.
  StudyRun run(const std::string& name) const {
    for (const StudyRun& run : runs_of(study)) {
      if (run.name == name) return run;
    }
    throw std::out_of_range(name);
  }

  /// Writes that a run is done, with these answers to the labels.
  void finish(const std::string& name, const std::vector<double>& labels,
              const std::vector<double>& predictions) const {
    const StudyRun done = run(name);
    base::create_folder(done.dir.parent_path());
    write_record(study, done,
                 {{"split", "dev"},
                  {"metric", "accuracy"},
                  {"score", evaluate::accuracy(labels, predictions)},
                  {"metrics", {{"accuracy", evaluate::accuracy(labels, predictions)}}},
                  {"selection", {{"split", "hold-out"}, {"score", 0.5}}},
                  {"best_step", 3},
                  {"steps", 4},
                  {"seconds", 1.5},
                  {"labels", labels},
                  {"predictions", predictions}});
  }

  test::TemporaryDirectory root;
  Study study;

 private:
  void write(const std::string& name, const std::string& content) const {
    base::create_folder((root / name).parent_path());
    base::write_file_atomically(root / name, content);
  }

  void add_variant(const std::string& name, distill::Recipe recipe) {
    StudyVariant variant{.name = name, .settings = {{"objective", name}}, .config = {}};
    variant.config.objective.recipe = recipe;
    study.variants.push_back(variant);
  }
};

}  // namespace kdqat::study
