#include <iostream>

#include "kdqat/base/error.h"
#include "kdqat/cli/command.h"
#include "kdqat/cli/console.h"
#include "kdqat/cli/options.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/format/model_directory.h"
#include "kdqat/text/text_input.h"
#include "kdqat/text/tokenizer.h"

namespace kdqat::cli {
namespace {

struct TokenizeConfig {
  std::filesystem::path model_dir;
  std::int64_t max_seq_length = 0;
  bool with_offsets = false;
};

void append_ids(std::string& line, const std::vector<std::int32_t>& ids) {
  line.push_back('[');
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) line.push_back(',');
    line.append(std::to_string(ids[i]));
  }
  line.push_back(']');
}

void append_offsets(std::string& line, const std::vector<text::Offsets>& offsets) {
  line.push_back('[');
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (i > 0) line.push_back(',');
    line.append(base::concat('[', offsets[i].begin, ',', offsets[i].end, ']'));
  }
  line.push_back(']');
}

void run_tokenize(const TokenizeConfig& config) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(config.model_dir);
  std::int64_t max_seq_length = config.max_seq_length;
  if (max_seq_length == 0) {
    max_seq_length = encoder::read_encoder_config(format::find_config(config.model_dir)).max_length();
  }
  text::TextReader reader(std::cin, text::LineForm::kJson, "standard input");
  constexpr std::size_t kLines = 256;
  for (std::vector<text::TextInput> texts; !(texts = reader.read(kLines)).empty();) {
    std::string lines;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const text::Encoding encoding =
          encode(tokenizer, texts[i], max_seq_length, reader.place(i), config.with_offsets);
      lines.append("{\"input_ids\":");
      append_ids(lines, encoding.input_ids);
      lines.append(",\"token_type_ids\":");
      append_ids(lines, encoding.token_type_ids);
      if (config.with_offsets) {
        lines.append(",\"offsets\":");
        append_offsets(lines, encoding.offsets);
      }
      lines.append("}\n");
    }
    std::cout << lines;
    if (!std::cout.flush()) throw base::IoError("standard output: can't write");
  }
}

}  // namespace

void register_tokenize(CLI::App& app, Action& action) {
  const auto config = std::make_shared<TokenizeConfig>();
  CLI::App* command = app.add_subcommand(
      "tokenize",
      "JSON lines {\"text\", \"pair\"?} on standard input to {\"input_ids\", \"token_type_ids\"}");
  command->add_option("--model", config->model_dir, "Folder of the model whose tokenizer it is")
      ->required()
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--max-seq-length", config->max_seq_length,
                   "Tokens at which a text or pair is cut, [CLS] and [SEP] counted [the model's positions]")
      ->check(CLI::Range(std::int64_t{3}, std::int64_t{1} << 30));
  command->add_flag(
      "--offsets", config->with_offsets,
      "Adds \"offsets\": the characters [begin, end] of the text that each token stands for, [0, 0] "
      "for special tokens");
  command->callback([config, &action] { action = [config] { run_tokenize(*config); }; });
}

}  // namespace kdqat::cli
