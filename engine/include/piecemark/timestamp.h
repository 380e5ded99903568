#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "piecemark/error_code.h"
#include "piecemark/export.h"

namespace piecemark {

// An instant in microseconds since 1970-01-01T00:00:00Z, in the proleptic Gregorian calendar.
// Text reaches from year 1 to year 294246, the last that the number holds to its end.
struct PIECEMARK_API Timestamp {
  std::int64_t microseconds = 0;

  static Timestamp now();
  // The ends of the range that text and columns can have: year 1, and the end of year 294246.
  static constexpr std::int64_t kFirst = -62'135'596'800'000'000;
  static constexpr std::int64_t kLast = 9'223'371'244'799'999'999;

  // Reads ISO 8601, also in its basic form, and what PostgreSQL writes: a date, then optionally 'T' or blanks and
  // a time with up to microseconds (more digits are rounded), then optionally an offset: Z, UTC, GMT, +hh, +hhmm,
  // +hh:mm or +hh:mm:ss. Without an offset the time is UTC.
  // Errors  invalid_datetime_format  the text has another form
  //         datetime_field_overflow  month 13, 30 February, hour 25, an offset of 16 hours, a year out of range
  static std::variant<Timestamp, ErrorCode> parse(std::string_view text);

  // "2025-01-21T10:00:00.123456Z", always with six digits of a second.
  std::string to_string() const;
  // Writes it without a string; there must be room for kTextSizeMax characters. Returns their end.
  static constexpr std::size_t kTextSizeMax = 32;
  char* write_text(char* to) const;

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

}  // namespace piecemark
