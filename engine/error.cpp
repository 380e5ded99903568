#include "piecemark/error.h"

#include <array>
#include <utility>

#include "shown.h"

namespace piecemark {
namespace {

struct CodeEntry {
  std::string_view name;
  ErrorKind kind;
  std::string_view meaning;
};

constexpr auto kCodes = std::to_array<CodeEntry>({
#define PIECEMARK_X(name, kind, meaning) {#name, ErrorKind::kind, meaning},
    PIECEMARK_ERROR_CODES(PIECEMARK_X)
#undef PIECEMARK_X
});

const CodeEntry& entry_of(ErrorCode code) {
  return kCodes[static_cast<std::size_t>(code)];
}

// What is quoted of a file must neither end the message nor steer the terminal.
std::string escaped(std::string_view fact) {
  return engine::escaped(fact, engine::Escape::controls_but_lines);
}

void append_fact(std::string& text, std::string_view label, const std::string& fact) {
  if (fact.empty()) return;
  constexpr std::size_t kLabelWidth = 11;
  text.append("\n  ").append(label).append(kLabelWidth - label.size(), ' ').append(escaped(fact));
}

std::string message_of(ErrorCode code, const Error::Facts& facts) {
  std::string text = escaped(facts.attempted);
  text.append(": ").append(name_of(code));
  append_fact(text, "found", facts.found);
  append_fact(text, "supported", facts.supported);
  append_fact(text, "next", facts.next);
  return text;
}

}  // namespace

std::string_view name_of(ErrorCode code) {
  return entry_of(code).name;
}
ErrorKind kind_of(ErrorCode code) {
  return entry_of(code).kind;
}
std::string_view meaning_of(ErrorCode code) {
  return entry_of(code).meaning;
}

Error::Error(ErrorCode code, Facts facts)
    : std::runtime_error(message_of(code, facts)), code_(code), facts_(std::move(facts)) {}

ConstraintViolation::ConstraintViolation(std::string attempted, Violation violation)
    : Error(violation.code, {std::move(attempted), violation.message, {}, violation.next}),
      violation_(std::move(violation)) {}

}  // namespace piecemark
