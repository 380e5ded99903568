#include "index/constraints.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace piecemark::index {
namespace {

const Format& kNewest = *format_numbered(kLiveFormat);

// The verdict on a component, as "code column", or "fits".
std::string judge(const Component& component, const Format& format = kNewest) {
  ComponentRow row = row_of(component);
  std::string json;
  auto verdict = check_input(format, row, json);
  if (!verdict) verdict = check_values(row);
  return verdict ? std::string(name_of(verdict->code)) + " " + verdict->column : "fits";
}

std::string repeated(std::string_view character, int times) {
  std::string text;
  for (; times > 0; --times) text += character;
  return text;
}

TEST(Constraints, LengthsCountCodePoints) {
  for (const char* character : {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\xA9"}) {
    EXPECT_EQ(judge({.piece_mark = repeated(character, 50)}), "fits");
    EXPECT_EQ(judge({.piece_mark = repeated(character, 51)}), "string_data_right_truncation piece_mark");
    EXPECT_EQ(judge({.instance_identifier = repeated(character, 10)}), "fits");
    EXPECT_EQ(judge({.instance_identifier = repeated(character, 11)}),
              "string_data_right_truncation instance_identifier");
    EXPECT_EQ(judge({.component_type = repeated(character, 51)}),
              "string_data_right_truncation component_type");
    EXPECT_EQ(judge({.material_type = repeated(character, 100)}), "fits");
    EXPECT_EQ(judge({.material_type = repeated(character, 101)}),
              "string_data_right_truncation material_type");
    EXPECT_EQ(judge({.review_status = repeated(character, 21)}),
              "string_data_right_truncation review_status");
  }
  EXPECT_EQ(judge({.piece_mark = repeated("x", 50) + " "}), "string_data_right_truncation piece_mark")
      << "blanks are not dropped";
}

TEST(Constraints, TextIsUtf8WithoutZero) {
  for (const char* bytes : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\x80"}) {
    EXPECT_EQ(judge({.piece_mark = bytes}), "character_not_in_repertoire piece_mark");
  }
  EXPECT_EQ(judge({.material_type = std::string("a\0b", 3)}), "character_not_in_repertoire material_type");
  EXPECT_EQ(judge({.piece_mark = "\x01\x7F\xC2\xA0\xCC\x81"}), "fits");
}

TEST(Constraints, FormComesBeforeLengthAndEachInColumnOrder) {
  EXPECT_EQ(judge({.piece_mark = repeated("x", 51), .review_status = "\xFF"}),
            "character_not_in_repertoire review_status");
  EXPECT_EQ(judge({.piece_mark = repeated("x", 51), .material_type = repeated("x", 101)}),
            "string_data_right_truncation piece_mark");
  EXPECT_EQ(judge({.piece_mark = repeated("x", 51), .confidence_score = 2}),
            "string_data_right_truncation piece_mark");
}

TEST(Constraints, ConfidenceLiesBetweenZeroAndOne) {
  for (const double fits : {0.0, -0.0, 1.0, 0.5, 5e-324})
    EXPECT_EQ(judge({.confidence_score = fits}), "fits") << fits;
  for (const double not_in_range :
       {-5e-324, 1.0000000000000002, -1.0, std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(judge({.confidence_score = not_in_range}), "check_violation confidence_score") << not_in_range;
  }
  EXPECT_EQ(judge({.confidence_score = std::nullopt}), "fits");
}

TEST(Constraints, BoundingBoxIsStoredWithoutBlanks) {
  const Component component{.bounding_box = " { \"x\" : 1.0 } "};
  ComponentRow row = row_of(component);
  std::string json;
  ASSERT_FALSE(check_input(kNewest, row, json));
  EXPECT_EQ(row.bounding_box, "{\"x\":1.0}");
}

TEST(Constraints, JsonNullIsNull) {
  const Component component{.bounding_box = " null"};
  ComponentRow row = row_of(component);
  std::string json;
  ASSERT_FALSE(check_input(kNewest, row, json));
  EXPECT_EQ(row.bounding_box, std::nullopt);
}

TEST(Constraints, BoundingBoxIsJsonOfBoundedSize) {
  EXPECT_EQ(judge({.bounding_box = "{"}), "invalid_text_representation bounding_box");
  EXPECT_EQ(judge({.bounding_box = ""}), "invalid_text_representation bounding_box");
  EXPECT_EQ(judge({.bounding_box = "\"" + std::string(kBoundingBoxBytesMax - 2, 'x') + "\""}), "fits");
  EXPECT_EQ(judge({.bounding_box = "\"" + std::string(kBoundingBoxBytesMax - 1, 'x') + "\""}),
            "string_data_right_truncation bounding_box");
}

TEST(Constraints, TimeStampsCanBeWrittenAsText) {
  EXPECT_EQ(judge({.created_at = Timestamp{Timestamp::kFirst}, .updated_at = Timestamp{Timestamp::kLast}}),
            "fits");
  EXPECT_EQ(judge({.created_at = Timestamp{Timestamp::kFirst - 1}}), "datetime_field_overflow created_at");
  EXPECT_EQ(judge({.updated_at = Timestamp{Timestamp::kLast + 1}}), "datetime_field_overflow updated_at");
}

TEST(Constraints, FormatOneHasNoInstanceIdentifier) {
  const Format& oldest = *format_numbered(1);
  EXPECT_EQ(judge({.instance_identifier = "1"}, oldest), "invalid_text_representation instance_identifier");
  EXPECT_EQ(judge({.instance_identifier = std::nullopt}, oldest), "fits");
}

TEST(Constraints, NullsInNotNullColumnsAreNamed) {
  EXPECT_EQ(check_not_null({.row = {}, .id_is_null = true, .piece_mark_is_null = true})->column, "id");
  EXPECT_EQ(check_not_null({.row = {}, .piece_mark_is_null = true})->column, "piece_mark");
  EXPECT_FALSE(check_not_null(IncomingRow{}));
  EXPECT_EQ(check_not_null(ComponentColumns{.piece_mark = std::nullopt})->code,
            ErrorCode::not_null_violation);
  EXPECT_FALSE(check_not_null(ComponentColumns{.quantity = std::nullopt}));
}

// Rows that need no closer look are judged as the columns of an update are, which always get one.
TEST(Constraints, RowsAndColumnsGetTheSameVerdict) {
  static const std::string kTexts[] = {"",
                                       "G1",
                                       "pending",
                                       std::string(10, 'x'),
                                       std::string(11, 'x'),
                                       std::string(51, 'x'),
                                       std::string(101, 'x'),
                                       repeated("\xC3\xA9", 10),
                                       "\xFF",
                                       std::string("a\0b", 3)};
  static const std::string kJson[] = {
      "{\"x\":1}", "[1, 2]",       "null",     "{",
      "",          "\"\xC3\xA9\"", "\"\xFF\"", "[" + std::string(kBoundingBoxBytesMax, '1') + "]"};
  static const Timestamp kInstants[] = {
      {0}, {Timestamp::kFirst}, {Timestamp::kFirst - 1}, {Timestamp::kLast + 1}};
  std::mt19937 random(6);
  const auto any = [&](const auto& from) { return from[random() % std::size(from)]; };
  int fitting = 0;
  for (int i = 0; i < 20'000; ++i) {
    // Most columns fit, so that every check decides some rows.
    const auto text = [&] { return random() % 4 == 0 ? any(kTexts) : kTexts[1]; };
    Component component{.piece_mark = text(), .instance_identifier = text(), .component_type = text()};
    if (random() % 2 == 0) component.instance_identifier = std::nullopt;
    component.material_type = text();
    component.review_status = text();
    component.bounding_box = random() % 4 == 0 ? kJson[random() % 7] : kJson[0];
    if (i % 1000 == 0) component.bounding_box = kJson[7];
    component.created_at = random() % 4 == 0 ? any(kInstants) : kInstants[0];
    const ComponentColumns columns{.id = component.id,
                                   .piece_mark = component.piece_mark,
                                   .instance_identifier = component.instance_identifier,
                                   .component_type = component.component_type,
                                   .quantity = component.quantity,
                                   .material_type = component.material_type,
                                   .bounding_box = component.bounding_box,
                                   .review_status = component.review_status,
                                   .created_at = component.created_at,
                                   .updated_at = component.updated_at};
    const Format& format = *format_numbered(1 + random() % 2);
    const auto shown = [](const Verdict& verdict) { return verdict ? verdict->message : "fits"; };
    ComponentRow row = row_of(component);
    std::string json;
    const std::string found = shown(check_input(format, row, json));
    ASSERT_EQ(found, shown(check_input(format, columns)));
    fitting += found == "fits" ? 1 : 0;
  }
  EXPECT_GT(fitting, 1'000);
}

}  // namespace
}  // namespace piecemark::index
