#include "api/text/json_writer.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

namespace piecemark::text {
namespace {

TEST(JsonWriter, WritesColumnsInOrder) {
  Component component{.id = *Uuid::parse("00000000-0000-7000-8000-00000000000a"),
                      .piece_mark = "say \"G1\"\\\x01\t"};
  component.created_at = Timestamp{0};
  component.updated_at = std::nullopt;
  component.bounding_box = "{\"x\":1}";
  component.location_x = -0.0;
  std::string text;
  append_json(text, row_of(component));
  EXPECT_EQ(text,
            "{\"id\":\"00000000-0000-7000-8000-00000000000a\",\"drawing_id\":null,"
            "\"piece_mark\":\"say \\\"G1\\\"\\\\\\u0001\\t\",\"instance_identifier\":null,"
            "\"component_type\":null,\"quantity\":1,\"material_type\":null,\"location_x\":-0.0,"
            "\"location_y\":null,\"bounding_box\":{\"x\":1},\"confidence_score\":null,"
            "\"review_status\":\"pending\",\"created_at\":\"1970-01-01T00:00:00.000000Z\","
            "\"updated_at\":null}");
  ColumnSet some;
  some.add(Column::quantity);
  some.add(Column::updated_at);
  text.clear();
  append_json(text, row_of(component), some);
  EXPECT_EQ(text, "{\"quantity\":1,\"updated_at\":null}");
}

TEST(JsonWriter, StringsReadBack) {
  std::mt19937 random(9);
  simdjson::dom::parser parser;
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random() % 40, 'x');
    for (char& c : text) {
      if (random() % 6 == 0) c = static_cast<char>(random() % 0x80);
    }
    std::string json;
    append_json_string(json, text);
    std::string_view found;
    ASSERT_FALSE(parser.parse(json).get_string().get(found)) << json;
    ASSERT_EQ(found, text);
  }
}

}  // namespace
}  // namespace piecemark::text
