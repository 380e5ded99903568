#include "api/text/number_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace piecemark::text {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r\v\f";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower_case[i]) return false;
  }
  return true;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A number as it mostly comes: digits, perhaps behind a minus sign, and neither zero nor out of range, which take a
// closer look. False where that is not all of the text.
template <class T>
bool parse_usual(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() == sign || !is_digit(text[sign])) return false;
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end && value != 0;
}

bool is_zero(std::string_view digits) {
  const std::string_view mantissa = digits.substr(0, digits.find_first_of("eE"));
  return mantissa.find_first_of("123456789") == std::string_view::npos;
}

}  // namespace

std::variant<double, ErrorCode> parse_double(std::string_view text) {
  if (double usual = 0; parse_usual(text, usual) && std::isfinite(usual)) return usual;
  std::string_view digits = trimmed(text);
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
  const double sign = is_negative ? -1.0 : 1.0;
  if (equals_ignoring_case(digits, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (equals_ignoring_case(digits, "infinity") || equals_ignoring_case(digits, "inf")) {
    return sign * std::numeric_limits<double>::infinity();
  }
  // from_chars accepts words and a second sign; only digits are left to it.
  if (digits.empty() || !(is_digit(digits.front()) || digits.front() == '.')) {
    return ErrorCode::invalid_text_representation;
  }
  double value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != digits.data() + digits.size()) {
    return ErrorCode::invalid_text_representation;
  }
  const bool overflows = parsed.ec == std::errc::result_out_of_range || std::isinf(value);
  if (overflows || (value == 0 && !is_zero(digits))) return ErrorCode::numeric_value_out_of_range;
  return sign * value;
}

std::variant<std::int32_t, ErrorCode> parse_int32(std::string_view text) {
  if (std::int32_t usual = 0; parse_usual(text, usual)) return usual;
  std::string_view digits = trimmed(text);
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
    if (digits.starts_with('-')) return ErrorCode::invalid_text_representation;
  }
  std::int32_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != digits.data() + digits.size()) {
    return ErrorCode::invalid_text_representation;
  }
  if (parsed.ec == std::errc::result_out_of_range) return ErrorCode::numeric_value_out_of_range;
  return value;
}

void append_double(std::string& to, double value) {
  if (std::isnan(value)) {
    to += "NaN";
  } else if (std::isinf(value)) {
    to += value < 0 ? "-Infinity" : "Infinity";
  } else if (value == 0 && std::signbit(value)) {
    to += "-0.0";  // "-0" is an integer to many readers of JSON, and loses its sign there.
  } else {
    std::array<char, 32> digits;  // NOLINT(*-member-init): written before it is read
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    to.append(digits.data(), end);
  }
}

void append_int32(std::string& to, std::int32_t value) {
  std::array<char, 16> digits;  // NOLINT(*-member-init): written before it is read
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), end);
}

}  // namespace piecemark::text
