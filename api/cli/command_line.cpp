#include "api/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>

namespace piecemark::cli {
namespace {

CLI::App& app_of(void* app) {
  return *static_cast<CLI::App*>(app);
}

template <class Number>
Number number_in(const std::string& name, const std::string& text, const std::string& expected) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || behind != end) throw UsageError(name, "'" + text + "' is no " + expected);
  return number;
}

// CLI11 skips a word that it does not know, and takes the next one for the verb.
void require_known_verb(const CLI::App& program, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  for (const CLI::App* verb : program.get_subcommands({})) {
    if (verb->check_name(argv[1])) return;
  }
  throw UsageError("VERB", "'" + std::string(argv[1]) + "' is no verb of this program");
}

}  // namespace

Option& Option::required() {
  static_cast<CLI::Option*>(option_)->required();
  return *this;
}

Option& Option::shown_as(const std::string& text) {
  static_cast<CLI::Option*>(option_)->option_text(text);
  return *this;
}

Verb Verb::verb(const std::string& name, const std::string& description) {
  app_of(app_).require_subcommand(1);
  return Verb(app_of(app_).add_subcommand(name, description));
}

void Verb::run(std::function<void()> work) {
  app_of(app_).callback(std::move(work));
}

Option Verb::option(const std::string& name, const std::function<void(const std::string&)>& take,
                    const std::string& description) {
  return Option(app_of(app_).add_option_function<std::string>(name, take, description));
}

Option Verb::option(const std::string& name, std::string& value, const std::string& description) {
  return option(
      name,
      [&value, name](const std::string& text) {
        if (text.empty() && name.starts_with('-')) throw UsageError(name, "'' is nothing");
        value = text;
      },
      description);
}

Option Verb::option(const std::string& name, std::optional<std::string>& value,
                    const std::string& description) {
  return option(
      name, [&value](const std::string& text) { value = text; }, description);
}

Option Verb::number(const std::string& name, std::function<void(std::uint32_t)> take,
                    const std::string& description) {
  return option(
             name,
             [take = std::move(take), name](const std::string& text) {
               take(number_in<std::uint32_t>(name, text, "number from 0 to 4294967295"));
             },
             description)
      .shown_as("N");
}

Option Verb::option(const std::string& name, std::uint32_t& value, const std::string& description) {
  return number(
      name, [&value](std::uint32_t number) { value = number; }, description);
}

Option Verb::option(const std::string& name, std::optional<std::uint32_t>& value,
                    const std::string& description) {
  return number(
      name, [&value](std::uint32_t number) { value = number; }, description);
}

Option Verb::option(const std::string& name, double& value, double max, const std::string& description) {
  return option(
      name,
      [&value, name, max](const std::string& text) {
        const std::string expected = "number from 0 to " + std::to_string(static_cast<std::int64_t>(max));
        value = number_in<double>(name, text, expected);
        if (!(value >= 0 && value <= max)) throw UsageError(name, "'" + text + "' is no " + expected);
      },
      description);
}

Option Verb::option(const std::string& name, std::vector<std::string>& values,
                    const std::string& description) {
  return Option(app_of(app_).add_option(name, values, description)->delimiter(','));
}

Option Verb::size_option(const std::string& name, std::uint64_t& bytes, const std::string& description) {
  return Option(app_of(app_).add_option(name, bytes, description)->transform(CLI::AsSizeValue(false)))
      .shown_as("BYTES");
}

void Verb::flag(const std::string& name, bool& value, const std::string& description) {
  app_of(app_).add_flag(name, value, description);
}

std::string Verb::name() const {
  return app_of(app_).get_name();
}

std::vector<Verb> Verb::verbs() const {
  std::vector<Verb> verbs;
  for (CLI::App* verb : app_of(app_).get_subcommands({})) verbs.emplace_back(verb);
  return verbs;
}

struct CommandLine::Parser {
  Parser(const std::string& description, const std::string& name) : app(description, name) {}
  CLI::App app;
};

CommandLine::CommandLine(const std::string& description, const std::string& name, const std::string& version,
                         const std::string& footer)
    : parser_(std::make_unique<Parser>(description, name)), program_(&parser_->app) {
  parser_->app.set_version_flag("--version", version);
  parser_->app.footer(footer);
}

CommandLine::~CommandLine() = default;

bool CommandLine::run(int argc, char** argv) {
  require_known_verb(parser_->app, argc, argv);
  try {
    parser_->app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw UsageError(error.what());
    parser_->app.exit(error);
    return false;
  }
  return true;
}

}  // namespace piecemark::cli
