#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/model/pretrained.h"
#include "kdqat/text/tokenizer_files.h"
#include "kdqat/train/run_directory.h"

namespace kdqat::cli {
namespace {

struct ExportConfig {
  std::filesystem::path model_dir;
  std::filesystem::path output_dir;
  bool dequantized = false;
  bool overwrite = false;
};

void run_export(const ExportConfig& config) {
  const train::RunDirectory directory(config.output_dir);
  directory.check_free(/*resume=*/false, config.overwrite);
  directory.check_apart_from(config.model_dir);
  model::Classifier student = model::load_classifier(config.model_dir).classifier;
  if (!student.quantization()) {
    throw base::InvalidArgument(
        base::concat(config.model_dir.string(),
                     ": expected a student (config.json with kdqat.quantization), found a model in "
                     "floating point"));
  }
  model::Classifier exported = model::dequantized(student);
  directory.start_anew();
  text::copy_tokenizer_files(config.model_dir, config.output_dir);
  model::save_classifier(exported, config.output_dir);
  print_message(
      base::concat("written: ", config.output_dir.string(),
                   "; its activations are not quantized, so scores may differ a little from the student's"));
}

}  // namespace

void register_export(CLI::App& app, Action& action) {
  const auto config = std::make_shared<ExportConfig>();
  CLI::App* command = app.add_subcommand("export", "Write a student in a form that other programs load");
  command
      ->add_flag("--dequantized", config->dequantized,
                 "A plain Hugging Face folder whose float32 weights are the quantized values")
      ->required();
  command->add_option("--model", config->model_dir, "Folder of the student")
      ->required()
      ->check(CLI::ExistingDirectory);
  command->add_option("--output", config->output_dir, "Folder to write")->required();
  command->add_flag("--overwrite", config->overwrite, "Replace what is in the output folder");
  command->callback([config, &action] { action = [config] { run_export(*config); }; });
}

}  // namespace kdqat::cli
