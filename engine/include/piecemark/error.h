#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "piecemark/error_code.h"
#include "piecemark/export.h"
#include "piecemark/uuid.h"

namespace piecemark {

// A failure: what was attempted, what was found, what is supported, what to do next.
//
// what() is the whole message, one fact a line, with bytes that are no text and control characters as \xNN:
//
//   cannot open 'site.pmk': format_too_new
//     found      format 4 (written by piecemark 2.1.0)
//     supported  formats 1 to 3
//     next       open it with piecemark 2.1 or later
class PIECEMARK_API Error : public std::runtime_error {
 public:
  struct Facts {
    std::string attempted;  // "cannot open 'site.pmk'"
    std::string found;
    std::string supported;  // may be empty
    std::string next;
  };

  Error(ErrorCode code, Facts facts);

  ErrorCode code() const noexcept { return code_; }
  const Facts& facts() const noexcept { return facts_; }

 private:
  ErrorCode code_;
  Facts facts_;
};

// A row that breaks a rule of the schema.
struct Violation {
  ErrorCode code{};
  std::string constraint;        // as the DDL names it; empty for errors of input and for NOT NULL
  std::string column;            // empty where the rule spans several columns
  std::string message;           // one sentence
  std::optional<Uuid> existing;  // unique_violation: the row in the way
  std::string next = "mend the value; nothing was stored";  // what to do
};

class PIECEMARK_API ConstraintViolation : public Error {
 public:
  ConstraintViolation(std::string attempted, Violation violation);

  const Violation& violation() const noexcept { return violation_; }

 private:
  Violation violation_;
};

}  // namespace piecemark
