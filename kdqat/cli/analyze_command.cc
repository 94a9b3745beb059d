#include <utility>

#include "kdqat/analysis/documents.h"
#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/report/analysis_pages.h"

namespace kdqat::cli {
namespace {

using Analysis = nlohmann::json (*)(const analysis::AnalysisInputs&, const analysis::AnalysisConfig&);

struct NamedAnalysis {
  const char* name;
  const char* help;
  Analysis run;
  void (*show)(const nlohmann::json&, report::Page&);
};

constexpr NamedAnalysis kAnalyses[] = {
    {"attention", "Cover length ratio and ranking loss of each head's map", analysis::analyze_attention,
     report::show_attention},
    {"hessian", "Eigenvalues, density and trace of the loss's second derivatives", analysis::analyze_hessian,
     report::show_hessian},
    {"range", "Least and greatest value of each token, layer by layer", analysis::analyze_range,
     report::show_range},
    {"norms", "Norm-based analysis: what attention generates and what it propagates", analysis::analyze_norms,
     report::show_norms},
    {"ranking", "How far down each head's rows chosen tokens stand", analysis::analyze_ranking,
     report::show_ranking},
    {"layers", "Error of each layer by source, and similarity of hidden states", analysis::analyze_layers,
     report::show_layers},
};

constexpr const char* kAll = "all";

struct AnalyzeConfig {
  analysis::AnalysisConfig analysis;
  std::vector<std::string> students;  ///< "NAME=DIR"
  std::filesystem::path output_dir;
  bool json = false;
};

/// Either a batch file or a task's data, and where to put what a task's data come to.
void check_input(const AnalyzeConfig& config) {
  if (config.analysis.from_batch()) return;
  if (config.analysis.task.empty() || config.analysis.data_dir.empty())
    throw base::InvalidArgument("data: expected --task and --data, or --batch, found neither");
  if (config.output_dir.empty() && !config.json)
    throw base::InvalidArgument("results: expected --output or --json, found neither");
}

/// "NAME=DIR" in two.
analysis::NamedDirectory name_and_directory(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw base::InvalidArgument(base::concat("--student: expected NAME=DIR, found '", text, "'"));
  }
  return {.name = text.substr(0, equals), .directory = text.substr(equals + 1)};
}

/// Shows on standard error one part of an analysis after the other.
class AnalysisDisplay {
 public:
  void show(const analysis::WorkState& state) {
    if (state.finished) {
      display_->finish();
      display_.reset();
    } else if (display_) {
      display_->update(state.done);
    } else {
      display_.emplace(state.title, state.total);
    }
  }

 private:
  std::optional<WorkDisplay> display_;
};

std::string title_of(const std::string& analysis, const analysis::AnalysisConfig& config) {
  return base::concat("kdqat analyze ", analysis, ": ", config.task);
}

nlohmann::json settings_of(const analysis::AnalysisConfig& config, const analysis::AnalysisInputs& inputs) {
  nlohmann::json settings = {{"teacher", config.teacher_dir.string()},
                             {"task", config.task},
                             {"data", config.data_dir.string()},
                             {"split", config.split},
                             {"sentences", inputs.batches.size()}};
  for (std::size_t i = 0; i < inputs.students.size(); ++i) {
    settings["students"][inputs.students[i].name] = {
        {"directory", config.students[i].directory.string()},
        {"quantization", format::to_json(*inputs.students[i].classifier.quantization())}};
  }
  return settings;
}

/// Runs the analyses, each to a file <name>.json as soon as it is done, and all to one page <name>.html.
void run_analyses(const std::string& name, const std::vector<NamedAnalysis>& analyses, AnalyzeConfig given) {
  check_input(given);
  analysis::AnalysisConfig& config = given.analysis;
  for (const std::string& student : given.students) config.students.push_back(name_and_directory(student));
  AnalysisDisplay display;
  config.on_work = [&](const analysis::WorkState& state) { display.show(state); };
  const analysis::AnalysisInputs inputs = load_analysis_inputs(config);
  for (const std::string& warning : inputs.warnings) print_message("warning: " + warning);
  const bool writes = !given.output_dir.empty();
  if (writes) base::create_folder(given.output_dir);
  report::Page page(title_of(name, config));
  nlohmann::json documents;
  for (const NamedAnalysis& analysis : analyses) {
    nlohmann::json document = analysis.run(inputs, config);
    if (writes) {
      base::write_file_atomically(given.output_dir / (std::string(analysis.name) + ".json"),
                                  document.dump() + "\n");
      analysis.show(document, page);
    }
    documents[analysis.name] = std::move(document);
  }
  if (writes) {
    page.add_section("Settings");
    page.add_values(settings_of(config, inputs));
    const std::filesystem::path file = given.output_dir / (name + ".html");
    base::write_file_atomically(file, page.html());
    print_message("wrote " + file.string());
  }
  if (given.json || config.from_batch()) print_json(name == kAll ? documents : documents.at(name));
}

void add_choices(CLI::App& command, std::string_view chosen, analysis::AnalysisConfig& config) {
  const auto is = [&](std::string_view name) { return chosen == name || chosen == kAll; };
  // The Hessian takes the most time by far: on its own it has its own default.
  if (chosen == "hessian") config.sentences = config.hessian_sentences;
  command.add_option("--sentences", config.sentences, "Most sentences, the first of the split")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  if (is("attention")) {
    command.add_option("--top-k", config.top_k, "Tokens of the teacher's row that are to be covered")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command.add_option("--map-sentences", config.map_sentences, "Sentences whose maps the page shows")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
  }
  if (is("range")) {
    command
        .add_option_function<std::string>(
            "--layers", [&config](const std::string& text) { config.layers = distill::parse_layers(text); },
            "Layers from 0: all, one such as 3, or several such as 0,3,5")
        ->default_str("all");
  }
  if (is("ranking")) {
    separate_by_commas(command.add_option(
        "--tokens", config.tokens,
        "Tokens whose ranks are taken, with commas [those around a text, such as [CLS],[SEP]]"));
  }
  if (!is("hessian")) return;
  if (chosen == kAll) {
    command
        .add_option("--hessian-sentences", config.hessian_sentences,
                    "Of these, most of the Hessian's spectrum")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }
  command
      .add_option(
          "--norm-term", config.norm_term,
          "Times the parameter tensors' norms, added to the loss [0; of the sentences' spectrum 0.01]")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--loss", config.loss, "Loss: ground_truth, or one of distillation")
      ->capture_default_str();
  command.add_option("--temperature", config.temperature, "Temperature of the loss attention_map")
      ->capture_default_str();
  separate_by_commas(
      command.add_option("--parameters", config.parameters, "Names of parameters, with commas [all]"));
}

void add_options(CLI::App& command, AnalyzeConfig& given) {
  analysis::AnalysisConfig& config = given.analysis;
  command.add_option("--teacher", config.teacher_dir, "Folder of the teacher")
      ->required()
      ->check(CLI::ExistingDirectory);
  command.add_option("--student", given.students,
                     "NAME=DIR: a student, once or several times; a folder of "
                     "the teacher's stands for it quantized without training");
  CLI::Option* batch = add_batch(command, config.batch_file);
  const TaskOptions task = add_task(command, config.task, config.data_dir, config.custom);
  task.task->required(false)->excludes(batch);
  task.data->required(false)->needs(task.task);
  command.add_option("--split", config.split, "Split: train, dev, test; mnli also dev_mismatched")
      ->capture_default_str();
  command.add_option("--output", given.output_dir, "Folder to write: a JSON file and a page")
      ->excludes(batch);
  command.add_flag("--json", given.json, "One JSON document on standard output");
  add_quantization(command, config.quantization);
  add_precision(command, config.precision);
  add_threads(command);
}

}  // namespace

void register_analyze(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("analyze", "What a student has lost, and what it has kept");
  group->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& help,
                       const std::vector<NamedAnalysis>& analyses) {
    const auto config = std::make_shared<AnalyzeConfig>();
    CLI::App* command = group->add_subcommand(name, help);
    add_options(*command, *config);
    add_choices(*command, name, config->analysis);
    command->callback([=, &action] {
      if (name == "hessian") config->analysis.hessian_sentences = config->analysis.sentences;
      action = [=] { run_analyses(name, analyses, *config); };
    });
  };
  for (const NamedAnalysis& analysis : kAnalyses) add(analysis.name, analysis.help, {analysis});
  add(kAll, "All of these on one page", {std::begin(kAnalyses), std::end(kAnalyses)});
}

}  // namespace kdqat::cli
