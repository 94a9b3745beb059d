#include "kdqat/infer/command.h"

namespace kdqat::infer {

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("--model", options.model, "Packed model (kdqat pack writes it)")
      ->required()
      ->check(CLI::ExistingFile);
  add_engine_options(command, options.engine);
}

void add_engine_options(CLI::App& command, runtime::EngineOptions& options) {
  command.add_option("--threads", options.threads, "Threads of a call; 0: every processor")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      .add_option("--max-seq-length", options.max_seq_length,
                  "Tokens at which a text or pair is cut [as the model was trained]")
      ->check(CLI::Range(std::int64_t{3}, std::int64_t{1} << 20));
}

}  // namespace kdqat::infer
