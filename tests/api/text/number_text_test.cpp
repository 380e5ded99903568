#include "api/text/number_text.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace piecemark::text {
namespace {

std::string shown(const std::variant<double, ErrorCode>& value) {
  if (const auto* code = std::get_if<ErrorCode>(&value)) return std::string(name_of(*code));
  return std::to_string(std::bit_cast<std::uint64_t>(std::get<double>(value)));
}
std::string shown(const std::variant<std::int32_t, ErrorCode>& value) {
  if (const auto* code = std::get_if<ErrorCode>(&value)) return std::string(name_of(*code));
  return std::to_string(std::get<std::int32_t>(value));
}

// A blank in front sends a number the long way, and changes nothing.
TEST(NumberText, BothWaysOfReadingAgree) {
  static constexpr std::string_view kPieces[] = {"-",     "+",     "0",   "1",         "23", "456789",
                                                 ".",     "e",     "E",   "x",         " ",  "e308",
                                                 "e-320", "e-400", "inf", "2147483648"};
  std::mt19937 random(1);
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    for (std::size_t n = random() % 6; n > 0; --n) text += kPieces[random() % std::size(kPieces)];
    ASSERT_EQ(shown(parse_double(text)), shown(parse_double(" " + text))) << text;
    ASSERT_EQ(shown(parse_int32(text)), shown(parse_int32(" " + text))) << text;
  }
}

TEST(NumberText, EveryBitReadsBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (value != value) continue;
    std::string text;
    append_double(text, value);
    ASSERT_EQ(shown(parse_double(text)), shown(value)) << text;
    text.clear();
    const auto number = static_cast<std::int32_t>(random());
    append_int32(text, number);
    ASSERT_EQ(text, std::to_string(number));
    ASSERT_EQ(shown(parse_int32(text)), text);
  }
}

}  // namespace
}  // namespace piecemark::text
