#include "piecemark/timestamp.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "os.h"

namespace piecemark {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr int kYearMax = 294246;  // The last that 64 bits of microseconds since 1970 hold to its end.
constexpr int kOffsetHoursMax = 15;

// Days since 1970-01-01. std::chrono's calendar ends at year 32767; 400 years are always 146,097 days.
constexpr std::int64_t kDaysPerEra = 146'097;
std::int64_t days_of(int year, unsigned month, unsigned day) {
  const int era = year / 400;
  const std::chrono::year_month_day date{std::chrono::year{year % 400 + 400}, std::chrono::month{month},
                                         std::chrono::day{day}};
  return sys_days(date).time_since_epoch().count() + (era - 1) * kDaysPerEra;
}

bool is_date(int year, unsigned month, unsigned day) {
  return std::chrono::year_month_day{std::chrono::year{year % 400 + 400}, std::chrono::month{month},
                                     std::chrono::day{day}}
      .ok();
}

// Reads the text from left to right.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  bool at_digit() const { return !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_any(char a, char b) { return take(a) || take(b); }
  // In any case.
  bool take_word(std::string_view word) {
    if (text_.size() - at_ < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const char c = text_[at_ + i];
      if (c != word[i] && c != word[i] - 'A' + 'a') return false;
    }
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (take_any(' ', '\t')) {
    }
  }
  // A number of min to max digits; nullopt where there are fewer or more.
  std::optional<int> number(int digits_min, int digits_max, int* digits_found = nullptr) {
    int value = 0;
    int digits = 0;
    while (at_digit() && digits < digits_max) {
      value = value * 10 + (text_[at_] - '0');
      ++at_;
      ++digits;
    }
    if (digits_found != nullptr) *digits_found = digits;
    return digits < digits_min || at_digit() ? std::nullopt : std::optional(value);
  }
  // The digits behind the decimal point, rounded to microseconds, halves to even as PostgreSQL does.
  std::int64_t fraction() {
    std::int64_t value = 0;
    int digits = 0;
    int next_digit = 0;
    bool more = false;
    for (; at_digit(); ++at_, ++digits) {
      const int digit = text_[at_] - '0';
      if (digits < 6) value = value * 10 + digit;
      if (digits == 6) next_digit = digit;
      if (digits > 6 && digit != 0) more = true;
    }
    for (; digits < 6; ++digits) value *= 10;
    const bool up = next_digit > 5 || (next_digit == 5 && (more || value % 2 == 1));
    return value + (up ? 1 : 0);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

struct Parsed {
  std::int64_t microseconds = 0;
  std::optional<ErrorCode> error;
};

constexpr Parsed kMalformed{0, ErrorCode::invalid_datetime_format};
constexpr Parsed kOverflow{0, ErrorCode::datetime_field_overflow};

Parsed date_of(int year, int year_digits, int month, int day) {
  // Two digits could mean another century, or a day.
  if (year_digits < 3 || year < 1 || year > kYearMax) return kOverflow;
  const auto month_number = static_cast<unsigned>(month);
  const auto day_number = static_cast<unsigned>(day);
  if (!is_date(year, month_number, day_number)) return kOverflow;
  return {days_of(year, month_number, day_number) * kDay, std::nullopt};
}

// 2025-01-21, or 20250121.
Parsed parse_date(Scanner& in) {
  int year_digits = 0;
  const auto year = in.number(1, 8, &year_digits);
  if (!year) return kMalformed;
  if (year_digits == 8) return date_of(*year / 10000, 4, *year / 100 % 100, *year % 100);
  if (year_digits > 6 || !in.take('-')) return kMalformed;
  const auto month = in.number(1, 2);
  if (!month || !in.take('-')) return kMalformed;
  const auto day = in.number(1, 2);
  if (!day) return kMalformed;
  return date_of(*year, year_digits, *month, *day);
}

// 10:00, 10:00:00.5, 1000 or 100000.5.
Parsed parse_time(Scanner& in) {
  int digits = 0;
  const auto leading = in.number(1, 6, &digits);
  if (!leading) return kMalformed;
  int hour = *leading;
  int minute = 0;
  int second = 0;
  bool has_seconds = digits == 6;
  if (digits == 6 || digits == 4) {
    const int hhmm = digits == 6 ? *leading / 100 : *leading;
    hour = hhmm / 100;
    minute = hhmm % 100;
    second = digits == 6 ? *leading % 100 : 0;
  } else {
    if (digits > 2 || !in.take(':')) return kMalformed;
    const auto given_minute = in.number(1, 2);
    if (!given_minute) return kMalformed;
    minute = *given_minute;
    has_seconds = in.take(':');
    if (has_seconds) {
      const auto given_second = in.number(1, 2);
      if (!given_second) return kMalformed;
      second = *given_second;
    }
  }
  const std::int64_t fraction = has_seconds && in.take('.') ? in.fraction() : 0;
  // 24:00:00 is the next midnight and second 60 the next minute, as in PostgreSQL.
  const std::int64_t time = hour * kHour + minute * kMinute + second * kSecond + fraction;
  if (hour > 24 || minute > 59 || second > 60 || time > kDay) return kOverflow;
  return {time, std::nullopt};
}

Parsed parse_offset(Scanner& in) {
  if (in.take_any('Z', 'z')) return {};
  if (in.take_word("UTC") || in.take_word("GMT")) return {};
  const bool west = in.take('-');
  if (!west && !in.take('+')) return kMalformed;
  int digits = 0;
  const auto leading = in.number(1, 4, &digits);
  if (!leading) return kMalformed;
  int hour = *leading;
  int minute = 0;
  int second = 0;
  if (digits > 2) {
    hour = *leading / 100;
    minute = *leading % 100;
  } else if (in.take(':')) {
    const auto given = in.number(1, 2);
    if (!given) return kMalformed;
    minute = *given;
    if (in.take(':')) {
      const auto more = in.number(1, 2);
      if (!more) return kMalformed;
      second = *more;
    }
  }
  if (hour > kOffsetHoursMax || minute > 59 || second > 59) return kOverflow;
  const std::int64_t offset = hour * kHour + minute * kMinute + second * kSecond;
  return {west ? -offset : offset, std::nullopt};
}

// Two digits; 100 or more where they are none.
unsigned two_digits(const char* text) {
  const unsigned tens = static_cast<unsigned char>(text[0]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(text[1]) - unsigned{'0'};
  return tens < 10 && ones < 10 ? tens * 10 + ones : 100;
}

// Reads "2025-01-21T10:00:00Z", with or without six digits of a second, where every field is in its usual range:
// what this program writes, and most others. Whatever else is left to the scanner, which knows what is wrong with it.
std::optional<std::int64_t> parse_usual(std::string_view text) {
  const bool has_fraction = text.size() == 27;
  if ((!has_fraction && text.size() != 20) || text.back() != 'Z') return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const char* const at = text.data();
  const unsigned century = two_digits(at);
  const unsigned year_of_century = two_digits(at + 2);
  const unsigned month = two_digits(at + 5);
  const unsigned day = two_digits(at + 8);
  const unsigned hour = two_digits(at + 11);
  const unsigned minute = two_digits(at + 14);
  const unsigned second = two_digits(at + 17);
  if (century > 99 || year_of_century > 99 || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto year = static_cast<int>(century * 100 + year_of_century);
  if (year == 0 || !is_date(year, month, day)) return std::nullopt;
  std::int64_t fraction = 0;
  if (has_fraction) {
    const unsigned high = two_digits(at + 20);
    const unsigned middle = two_digits(at + 22);
    const unsigned low = two_digits(at + 24);
    if (text[19] != '.' || high > 99 || middle > 99 || low > 99) return std::nullopt;
    fraction = std::int64_t{high} * 10'000 + middle * 100 + low;
  }
  return days_of(year, month, day) * kDay + hour * kHour + minute * kMinute + second * kSecond + fraction;
}

char* write_two_digits(char* to, unsigned value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
  return to + 2;
}

}  // namespace

Timestamp Timestamp::now() {
  return {engine::os::now_microseconds()};
}

std::variant<Timestamp, ErrorCode> Timestamp::parse(std::string_view text) {
  if (const auto microseconds = parse_usual(text)) return Timestamp{*microseconds};
  Scanner in(text);
  in.skip_blanks();
  const Parsed date = parse_date(in);
  if (date.error) return *date.error;
  const bool has_separator = in.take_any('T', 't');
  in.skip_blanks();
  Parsed time;
  Parsed offset;
  if (has_separator || in.at_digit()) {
    time = parse_time(in);
    if (time.error) return *time.error;
    in.skip_blanks();
  }
  if (!in.at_end()) {
    offset = parse_offset(in);
    if (offset.error) return *offset.error;
    in.skip_blanks();
  }
  if (!in.at_end()) return ErrorCode::invalid_datetime_format;

  const std::int64_t microseconds = date.microseconds + time.microseconds - offset.microseconds;
  if (microseconds < kFirst || microseconds > kLast) return ErrorCode::datetime_field_overflow;
  return Timestamp{microseconds};
}

char* Timestamp::write_text(char* to) const {
  std::int64_t day = microseconds / kDay;
  std::int64_t rest = microseconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --day;
  }
  // Moves the date into years that std::chrono can hold, and back.
  std::int64_t eras = day / kDaysPerEra;
  if (day % kDaysPerEra < 0) --eras;
  const std::chrono::year_month_day date{sys_days(days(day - eras * kDaysPerEra))};
  const long long year = static_cast<int>(date.year()) + eras * 400;
  if (year >= 0 && year <= 9999) {
    to = write_two_digits(to, static_cast<unsigned>(year) / 100);
    to = write_two_digits(to, static_cast<unsigned>(year) % 100);
  } else {
    to += std::snprintf(to, kTextSizeMax, "%04lld", year);
  }
  *to++ = '-';
  to = write_two_digits(to, static_cast<unsigned>(date.month()));
  *to++ = '-';
  to = write_two_digits(to, static_cast<unsigned>(date.day()));
  const auto second_of_day = static_cast<unsigned>(rest / kSecond);
  *to++ = 'T';
  to = write_two_digits(to, second_of_day / 3600);
  *to++ = ':';
  to = write_two_digits(to, second_of_day / 60 % 60);
  *to++ = ':';
  to = write_two_digits(to, second_of_day % 60);
  const auto fraction = static_cast<unsigned>(rest % kSecond);
  *to++ = '.';
  to = write_two_digits(to, fraction / 10'000);
  to = write_two_digits(to, fraction / 100 % 100);
  to = write_two_digits(to, fraction % 100);
  *to++ = 'Z';
  return to;
}

std::string Timestamp::to_string() const {
  std::array<char, kTextSizeMax> text{};
  return {text.data(), write_text(text.data())};
}

}  // namespace piecemark
