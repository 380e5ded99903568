// Options that take one word out of a few.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace piecemark::cli {

// `chosen` is a Value, or anything that takes one; it and `choices` outlive the parsing. Any other word is a usage error
// that names those there are.
template <class Chosen, class Value>
CLI::Option* add_choice(CLI::App* verb, const std::string& name, Chosen& chosen,
                        const std::map<std::string, Value>& choices, const std::string& description) {
  std::string words;
  for (const auto& [word, value] : choices) words += (words.empty() ? "" : "|") + word;
  const auto choose = [&chosen, &choices, name, words](const std::string& word) {
    const auto choice = choices.find(word);
    if (choice == choices.end()) throw CLI::ValidationError(name, "'" + word + "' is none of " + words);
    chosen = choice->second;
  };
  return verb->add_option_function<std::string>(name, choose, description)->option_text(words);
}

}  // namespace piecemark::cli
