#include "piecemark/timestamp.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace piecemark {
namespace {

// What the text reads as: the canonical text of the instant, or the name of the error. Each expectation was
// answered by PostgreSQL 15 (offsets of 16 hours and more are its code 22009, which is
// datetime_field_overflow here).
std::string read(std::string_view text) {
  const auto result = Timestamp::parse(text);
  if (const auto* code = std::get_if<ErrorCode>(&result)) return std::string(name_of(*code));
  return std::get<Timestamp>(result).to_string();
}

TEST(Timestamp, ReadsWhatPostgresqlReads) {
  EXPECT_EQ(read("2025-01-21T10:00:00Z"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21 10:00:00.1234567+02:30"), "2025-01-21T07:30:00.123457Z");
  EXPECT_EQ(read("2025-01-21T10:00"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21"), "2025-01-21T00:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00.1234565Z"), "2025-01-21T10:00:00.123456Z");
  EXPECT_EQ(read("2025-01-21T10:00:00.9999995Z"), "2025-01-21T10:00:01.000000Z");
  EXPECT_EQ(read("2025-01-21T24:00:00Z"), "2025-01-22T00:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21T23:59:60Z"), "2025-01-22T00:00:00.000000Z");
  EXPECT_EQ(read("2025-1-2T3:4:5Z"), "2025-01-02T03:04:05.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00+15:59"), "2025-01-20T18:01:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00-0530"), "2025-01-21T15:30:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00+05"), "2025-01-21T05:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00+05:30:15"), "2025-01-21T04:29:45.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00 +05:30"), "2025-01-21T04:30:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00+530"), "2025-01-21T04:30:00.000000Z");
  EXPECT_EQ(read("2025-01-21t10:00:00z"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21T10:00:00 UTC"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read(" 2025-01-21T10:00:00Z "), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("2024-02-29T10:00:00Z"), "2024-02-29T10:00:00.000000Z");
  EXPECT_EQ(read("20250121T100000Z"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21T1000+02"), "2025-01-21T08:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21Z"), "2025-01-21T00:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21 +02"), "2025-01-20T22:00:00.000000Z");
  EXPECT_EQ(read("2025-01-21 10:00:00 gmt"), "2025-01-21T10:00:00.000000Z");
  EXPECT_EQ(read("10000-01-01T00:00:00Z"), "10000-01-01T00:00:00.000000Z");
  EXPECT_EQ(read("123-01-21T10:00:00Z"), "0123-01-21T10:00:00.000000Z");
}

TEST(Timestamp, ForeignFormsAreInvalid) {
  for (const char* text :
       {"", "yesterday-ish", "2025-01-21T", "2025-01-21T10Z", "2025-01-21T10:00:00,5Z",
        "2025-01-21T10:00:00ZZ", "2025-01-21T10:00:00Zx", "2025-01", "2025-01-21T10:00:00+", "T10:00:00Z"}) {
    EXPECT_EQ(read(text), "invalid_datetime_format") << text;
  }
}

TEST(Timestamp, FieldsOutOfRangeOverflow) {
  for (const char* text :
       {"2025-01-21T24:00:01Z", "2025-01-21T23:60:00Z", "2025-13-21T10:00:00Z", "2025-02-30T10:00:00Z",
        "2025-00-10T10:00:00Z", "0000-01-10T10:00:00Z", "2025-01-21T25:00:00Z", "2025-01-32T10:00:00Z",
        "1900-02-29T10:00:00Z", "2025-01-21T10:00:61Z", "99-01-21T10:00:00Z", "2025-01-21T10:00:00+16:00",
        "2025-01-21T10:00:00+05:60", "294277-01-01T00:00:00Z", "0001-01-01T00:00:00+01"}) {
    EXPECT_EQ(read(text), "datetime_field_overflow") << text;
  }
}

TEST(Timestamp, EpochAndEdgesHaveTheirNumbers) {
  EXPECT_EQ(std::get<Timestamp>(Timestamp::parse("1970-01-01T00:00:00Z")).microseconds, 0);
  EXPECT_EQ(std::get<Timestamp>(Timestamp::parse("1969-12-31T23:59:59.999999Z")).microseconds, -1);
  EXPECT_EQ(std::get<Timestamp>(Timestamp::parse("2000-01-01T00:00:00Z")).microseconds, 946'684'800'000'000);
  EXPECT_EQ(read("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000000Z");
  EXPECT_EQ(read("294246-12-31T23:59:59.999999Z"), "294246-12-31T23:59:59.999999Z");
}

// A blank in front sends a text the long way, and changes nothing.
TEST(Timestamp, BothWaysOfReadingAgree) {
  std::mt19937 random(5);
  for (int i = 0; i < 300'000; ++i) {
    std::string text = i % 2 == 0 ? "2024-02-29T10:00:00Z" : "1999-12-31T23:59:59.123456Z";
    for (std::size_t n = random() % 4; n > 0; --n)
      text[random() % text.size()] = "0123456789-:T.Z "[random() % 16];
    ASSERT_EQ(read(text), read(" " + text)) << text;
  }
}

TEST(Timestamp, EveryNumberHasAText) {
  EXPECT_EQ((Timestamp{std::numeric_limits<std::int64_t>::min()}.to_string()),
            "-290308-12-21T19:59:05.224192Z");
  EXPECT_EQ((Timestamp{std::numeric_limits<std::int64_t>::max()}.to_string()),
            "294247-01-10T04:00:54.775807Z");
  EXPECT_EQ((Timestamp{Timestamp::kFirst - 1}.to_string()), "0000-12-31T23:59:59.999999Z");
}

TEST(Timestamp, TextReadsBackToTheSameInstant) {
  std::mt19937_64 random(7);
  const auto first = std::get<Timestamp>(Timestamp::parse("0001-01-01")).microseconds;
  const auto last = std::get<Timestamp>(Timestamp::parse("294246-12-31")).microseconds;
  std::uniform_int_distribution<std::int64_t> any(first, last);
  for (int i = 0; i < 100'000; ++i) {
    const Timestamp instant{any(random)};
    ASSERT_EQ(std::get<Timestamp>(Timestamp::parse(instant.to_string())), instant) << instant.to_string();
  }
}

}  // namespace
}  // namespace piecemark
