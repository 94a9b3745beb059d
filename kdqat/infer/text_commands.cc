// classify and embed: texts in, JSON lines out.

#include <iostream>
#include <nlohmann/json.hpp>

#include "kdqat/base/error.h"
#include "kdqat/infer/command.h"
#include "kdqat/runtime/answer_json.h"
#include "kdqat/text/text_input.h"

namespace kdqat::infer {
namespace {

/// Texts that are answered at a time.
constexpr std::size_t kBatch = 256;

struct TextOptions {
  ModelOptions model;
  std::string file = "-";
};

void add_options(CLI::App& command, TextOptions& options) {
  add_model_options(command, options.model);
  command
      .add_option("FILE", options.file,
                  "Texts, one a line, or JSON lines {\"text\", \"pair\"?}; - for standard input")
      ->capture_default_str();
}

/// answer(encodings) gives a JSON document for each; they are printed a line each.
template <typename Answer>
void answer_lines(const TextOptions& options, const runtime::Engine& engine, const Answer& answer) {
  text::TextSource source(options.file, text::LineForm::kDetect);
  text::TextReader& reader = source.reader();
  for (std::vector<text::TextInput> texts; !(texts = reader.read(kBatch)).empty();) {
    std::vector<text::Encoding> encodings;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      try {
        encodings.push_back(engine.encode({.text = texts[i].text, .pair = texts[i].pair}));
      } catch (const base::InvalidArgument& error) {
        throw base::InvalidArgument(base::concat(reader.place(i), ": ", error.what()));
      }
    }
    for (const nlohmann::json& line : answer(encodings)) std::cout << line.dump() << '\n';
    if (!std::cout.flush()) throw base::IoError("standard output: can't write");
  }
}

void run_classify(const TextOptions& options) {
  const runtime::Engine engine(options.model.model, options.model.engine);
  answer_lines(options, engine, [&](const std::vector<text::Encoding>& encodings) {
    std::vector<nlohmann::json> lines;
    for (const runtime::Classification& answer : engine.classify(encodings)) {
      lines.push_back(
          runtime::answer_json(engine.labels(), static_cast<std::size_t>(answer.label), answer.scores));
    }
    return lines;
  });
}

void run_embed(const TextOptions& options) {
  const runtime::Engine engine(options.model.model, options.model.engine);
  answer_lines(options, engine, [&](const std::vector<text::Encoding>& encodings) {
    const std::vector<float> embeddings = engine.embed(encodings);
    const auto width = static_cast<std::size_t>(engine.embedding_size());
    std::vector<nlohmann::json> lines;
    for (std::size_t i = 0; i < encodings.size(); ++i) {
      lines.push_back({{"embedding", std::span(embeddings).subspan(i * width, width)}});
    }
    return lines;
  });
}

}  // namespace

void register_classify(CLI::App& app, Action& action) {
  const auto options = std::make_shared<TextOptions>();
  CLI::App* command = app.add_subcommand("classify", "Label texts, as JSON lines {\"label\", \"scores\"}");
  add_options(*command, *options);
  command->callback([options, &action] { action = [options] { run_classify(*options); }; });
}

void register_embed(CLI::App& app, Action& action) {
  const auto options = std::make_shared<TextOptions>();
  CLI::App* command =
      app.add_subcommand("embed", "The mean of a text's last hidden states, as JSON lines {\"embedding\"}");
  add_options(*command, *options);
  command->callback([options, &action] { action = [options] { run_embed(*options); }; });
}

}  // namespace kdqat::infer
