#include "kdqat/cli/config_file.h"

#include <istream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/train/settings_file.h"

namespace kdqat::cli {
namespace {

/// The form of the file, as CLI11 asks for it. What is wrong is a CLI::ConfigError.
class SettingsForm : public CLI::Config {
 public:
  explicit SettingsForm(const CLI::App& app) : app_(app) {}

  std::string to_config(const CLI::App* /*app*/, bool /*defaults*/, bool /*descriptions*/,
                        std::string /*prefix*/) const override {
    return {};  // run.toml is written from the record of a run
  }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text{std::istreambuf_iterator<char>(input), {}};
    std::vector<CLI::ConfigItem> found;
    for (const train::SettingsSection& section : parse(text)) {
      const std::vector<std::string> commands = CLI::detail::split(section.title, '.');
      const CLI::App& command = find_command(section, commands);
      for (const train::Setting& setting : section.settings) {
        if (command.get_option_no_throw("--" + setting.name) == nullptr) {
          throw CLI::ConfigError(base::concat("[", section.title, "]: expected options of ",
                                              command.get_name(), ", found '", setting.name, "'"));
        }
        CLI::ConfigItem& entry = found.emplace_back();
        entry.parents = commands;
        entry.name = setting.name;
        entry.inputs = setting.values;
      }
    }
    return found;
  }

 private:
  static std::vector<train::SettingsSection> parse(const std::string& text) {
    try {
      return train::parse_settings(text);
    } catch (const base::FormatError& error) {
      throw CLI::ConfigError(error.what());
    }
  }

  const CLI::App& find_command(const train::SettingsSection& section,
                               const std::vector<std::string>& names) const {
    if (section.title.empty()) {
      throw CLI::ConfigError(base::concat("expected a section such as [finetune] first, found '",
                                          section.settings.front().name, "'"));
    }
    const CLI::App* command = &app_;
    try {
      for (const std::string& name : names) command = command->get_subcommand(name);
    } catch (const CLI::OptionNotFound&) {
      throw CLI::ConfigError(
          base::concat("expected sections of subcommands, such as [finetune], found [", section.title, "]"));
    }
    return *command;
  }

  const CLI::App& app_;
};

}  // namespace

void add_config_file(CLI::App& app) {
  app.set_config("--config", "",
                 "Settings as --name's own names, one [command] a section; the command line goes first");
  app.config_formatter(std::make_shared<SettingsForm>(app));
  app.allow_config_extras(CLI::config_extras_mode::error);
}

}  // namespace kdqat::cli
