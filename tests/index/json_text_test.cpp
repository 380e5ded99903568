#include "index/json_text.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

namespace piecemark::index {
namespace {

TEST(JsonText, EveryKindOfValueIsValid) {
  for (const char* json : {"{}", "[]", "\"\"", "0", "-0", "-1.5e+10", "1e400", "true", "false", "null",
                           " [1 , {\"a\" : [ ] } ] ", "{\"a\":1,\"a\":2}", "\"\\ud800\"", "\"\\u0000\"",
                           "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\xC3\xA9\"", "1E-5"}) {
    EXPECT_TRUE(inspect_json(json).is_valid) << json;
  }
}

TEST(JsonText, WhatPostgresqlRefusesIsInvalid) {
  for (const char* json : {"",
                           " ",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "NaN",
                           "Infinity",
                           "[1,]",
                           "[,1]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "[1",
                           "{\"a\":1",
                           "]",
                           "\"",
                           "\"\\x\"",
                           "\"\\u00e\"",
                           "\"a\tb\"",
                           "{} x",
                           "'a'",
                           "tru",
                           "nul",
                           "[1 2]",
                           "\xEF\xBB\xBF{}"}) {
    const JsonFinding finding = inspect_json(json);
    EXPECT_FALSE(finding.is_valid) << json;
    EXPECT_FALSE(finding.problem.empty()) << json;
  }
}

TEST(JsonText, FindingSaysWhere) {
  const JsonFinding finding = inspect_json("{\"a\": [1, 2,, 3]}");
  EXPECT_EQ(finding.error_offset, 12U);
  EXPECT_EQ(finding.problem, "expected a value");
}

TEST(JsonText, DepthHasALimitAndCostsNoStack) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(inspect_json(nested(kJsonDepthMax)).is_valid);
  EXPECT_FALSE(inspect_json(nested(kJsonDepthMax + 1)).is_valid);
  EXPECT_TRUE(inspect_json(nested(kJsonDepthMax + 2), kJsonDepthMax + 2).is_valid);
  EXPECT_FALSE(inspect_json(std::string(10'000'000, '[')).is_valid);
}

TEST(JsonText, BlanksAreDroppedBetweenTokensOnly) {
  EXPECT_EQ(without_blanks(" { \"a b\" : [ 1 , \"\\\" \\\\\" , \"x\" ] }\n"),
            "{\"a b\":[1,\"\\\" \\\\\",\"x\"]}");
  EXPECT_FALSE(inspect_json("{\"a b\":1}").has_blanks);
  EXPECT_TRUE(inspect_json("{\"a b\": 1}").has_blanks);
}

// Random texts of JSON's own pieces, judged the same as by simdjson where the two mean the same: numbers
// within the range of a double, whole surrogate pairs.
TEST(JsonText, AgreesWithSimdjson) {
  static constexpr std::string_view kPieces[] = {"{",       "}", "[",    "]",    ",",    ":", "\"a\"",
                                                 "\"\\n\"", "1", "-2.5", "true", "null", " "};
  std::mt19937 random(11);
  simdjson::dom::parser parser;
  int valid = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string json;
    for (std::size_t n = 1 + random() % 7; n > 0; --n) json += kPieces[random() % std::size(kPieces)];
    const bool expected = parser.parse(json).error() == simdjson::SUCCESS;
    ASSERT_EQ(inspect_json(json).is_valid, expected) << json;
    valid += expected ? 1 : 0;
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace piecemark::index
