// The words of a command: verbs, their options, what is wrong with them. Nothing here shows which library reads them,
// whose header takes longer to compile than all verbs together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace piecemark::cli {

// A command that makes no sense: "--to: 'x' is no format".
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  UsageError(const std::string& word, const std::string& problem)
      : std::runtime_error(word + ": " + problem) {}
};

// An option or an argument of a verb. A handle: copies are the same option.
class Option {
 public:
  explicit Option(void* option) : option_(option) {}
  Option& required();
  // What stands for its value in the help.
  Option& shown_as(const std::string& text);

 private:
  void* option_;
};

// A verb, or the program with all of them. A handle: copies are the same verb. What options are read into, and what a run
// uses, must live as long as the program.
class Verb {
 public:
  explicit Verb(void* app) : app_(app) {}

  // A verb of the program, or of a verb that then asks for one.
  Verb verb(const std::string& name, const std::string& description);
  void run(std::function<void()> work);

  // Names that begin with a hyphen are options; others are arguments, taken in their order.
  Option option(const std::string& name, const std::function<void(const std::string&)>& take,
                const std::string& description);
  Option option(const std::string& name, std::string& value, const std::string& description);
  Option option(const std::string& name, std::optional<std::string>& value, const std::string& description);
  Option option(const std::string& name, std::uint32_t& value, const std::string& description);
  Option option(const std::string& name, std::optional<std::uint32_t>& value, const std::string& description);
  // A number of so many at most.
  Option option(const std::string& name, double& value, double max, const std::string& description);
  // Words between commas, and the option as often as one likes.
  Option option(const std::string& name, std::vector<std::string>& values, const std::string& description);
  // 512MB, 64GB: units of 1,024.
  Option size_option(const std::string& name, std::uint64_t& bytes, const std::string& description);
  void flag(const std::string& name, bool& value, const std::string& description);

  // One word out of a few. `chosen` is a Value, or anything that takes one.
  template <class Chosen, class Value>
  Option choice(const std::string& name, Chosen& chosen, const std::map<std::string, Value>& choices,
                const std::string& description) {
    std::string words;
    for (const auto& [word, value] : choices) words += (words.empty() ? "" : "|") + word;
    const auto choose = [&chosen, &choices, name, words](const std::string& word) {
      const auto choice = choices.find(word);
      if (choice == choices.end()) throw UsageError(name, "'" + word + "' is none of " + words);
      chosen = choice->second;
    };
    return option(name, choose, description).shown_as(words);
  }

  std::string name() const;
  std::vector<Verb> verbs() const;

 private:
  Option number(const std::string& name, std::function<void(std::uint32_t)> take,
                const std::string& description);

  void* app_;
};

class CommandLine {
 public:
  CommandLine(const std::string& description, const std::string& name, const std::string& version,
              const std::string& footer);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;
  ~CommandLine();

  Verb& program() { return program_; }
  // Runs the verb that was asked for. False where the words asked for help or the version, which it has printed then.
  // Errors  UsageError, and those of the verb
  bool run(int argc, char** argv);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  Verb program_;
};

}  // namespace piecemark::cli
