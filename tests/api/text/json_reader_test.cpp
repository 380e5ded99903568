#include "api/text/json_reader.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <set>

#include "api/text/input.h"
#include "engine/shown.h"

namespace piecemark::text {
namespace {

using Kind = JsonMember::Kind;

std::string shown(const JsonMember& member) {
  return std::string(member.name) + "\x1" + std::to_string(static_cast<int>(member.kind)) + "\x1" +
         (member.is_text ? std::string(member.text) : "no text") + "\x1" + std::string(member.raw) + "\n";
}

std::string read(JsonReader& reader, std::string_view json) {
  const auto found = reader.read_object(json);
  if (const auto* violation = std::get_if<Violation>(&found)) return violation->message;
  std::string text;
  for (const JsonMember& member : *std::get<const std::vector<JsonMember>*>(found)) text += shown(member);
  return text;
}

std::string_view trimmed(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// The members as simdjson walks them.
std::string members_of(simdjson::ondemand::object object) {
  std::string text;
  std::set<std::string> names;
  for (auto field : object) {
    JsonMember member;
    simdjson::ondemand::value value;
    if (field.unescaped_key().get(member.name))
      return "the line cannot be read as JSON: " + std::string(error_message(simdjson::STRING_ERROR));
    if (field.value().get(value)) return "?";
    switch (value.type()) {
      case simdjson::ondemand::json_type::object:
        member.kind = Kind::object;
        member.raw = trimmed(value.get_object().value().raw_json().value());
        break;
      case simdjson::ondemand::json_type::array:
        member.kind = Kind::array;
        member.raw = trimmed(value.get_array().value().raw_json().value());
        break;
      case simdjson::ondemand::json_type::string:
        member.kind = Kind::string;
        member.raw = trimmed(value.raw_json_token());
        member.is_text = value.get_string().get(member.text) == simdjson::SUCCESS;
        break;
      case simdjson::ondemand::json_type::number:
        member.kind = Kind::number;
        member.raw = trimmed(value.raw_json_token());
        break;
      case simdjson::ondemand::json_type::boolean:
        member.kind = Kind::boolean;
        member.raw = trimmed(value.raw_json_token());
        break;
      case simdjson::ondemand::json_type::null:
        member.raw = trimmed(value.raw_json_token());
        break;
    }
    if (member.kind != Kind::string) member.text = member.raw;
    if (!names.insert(std::string(member.name)).second)
      return "the name " + engine::shown(member.name) + " occurs twice";
    text += shown(member);
  }
  return text;
}

TEST(JsonReader, GivesMembersAsTheyStand) {
  JsonReader reader;
  EXPECT_EQ(read(reader,
                 " {\"a\" : \"x\\u00e9\\n\" , \"b\\t\":[ 1, {\"c\":\"\\\"\"} ] ,\"\":-0.50e+1,\"d\":null}\r"),
            "a\x1"
            "3\x1x\xC3\xA9\n\x1\"x\\u00e9\\n\"\n"
            "b\t\x1"
            "5\x1[ 1, {\"c\":\"\\\"\"} ]\x1[ 1, {\"c\":\"\\\"\"} ]\n"
            "\x1"
            "2\x1-0.50e+1\x1-0.50e+1\n"
            "d\x1"
            "0\x1null\x1null\n");
  EXPECT_EQ(read(reader, "{}"), "");
}

TEST(JsonReader, NamesMayNotOccurTwice) {
  JsonReader reader;
  EXPECT_EQ(read(reader, "{\"a\":1,\"b\":2,\"\\u0061\":3}"), "the name \"a\" occurs twice");
  EXPECT_EQ(read(reader, "{\"\":1,\"\":2}"), "the name \"\" occurs twice");
  std::string many = "{";
  for (int i = 0; i < 500; ++i) many += "\"n" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  EXPECT_EQ(read(reader, many + "\"n321\":0}"), "the name \"n321\" occurs twice");
  EXPECT_NE(read(reader, many + "\"n500\":0}").find("n500\x1"), std::string::npos);
}

// As many members as a line may have. Compared in pairs, their names would keep the reader busy for hours.
TEST(JsonReader, ReadsALineFullOfMembers) {
  JsonReader reader;
  std::string object = "{";
  unsigned members = 0;
  for (; object.size() + 32 < kLineBytesMax; ++members) object += "\"" + std::to_string(members) + "\":0,";
  const auto read_with = [&](const std::string& last) { return reader.read_object(object + last); };
  const auto sound = read_with("\"last\":0}");
  ASSERT_TRUE(std::holds_alternative<const std::vector<JsonMember>*>(sound));
  EXPECT_EQ(std::get<const std::vector<JsonMember>*>(sound)->size(), members + 1);
  const auto repeated = read_with("\"4711\":0}");
  ASSERT_TRUE(std::holds_alternative<Violation>(repeated));
  EXPECT_EQ(std::get<Violation>(repeated).message, "the name \"4711\" occurs twice");
}

// Random objects, read as by simdjson's own walk through them.
TEST(JsonReader, AgreesWithSimdjson) {
  static constexpr std::string_view kTokens[] = {"\"a\"",
                                                 "\"id\"",
                                                 "\"quantity\"",
                                                 "\"\\u0061\"",
                                                 "\"b\\\\\"",
                                                 "\"\\ud800\"",
                                                 "\"\\u0000\"",
                                                 "\"\\ud83d\\ude00\"",
                                                 "\"a long text, longer than sixteen\"",
                                                 "\"{\"",
                                                 "1",
                                                 "-2.5e3",
                                                 "true",
                                                 "null",
                                                 "{}",
                                                 "[]",
                                                 "{\"a\":1,\"a\":[2 ]}",
                                                 "[\"]\",{}]",
                                                 "\"\xC3\xA9\""};
  static constexpr std::string_view kBlanks[] = {"", "", "", "", " ", "\t", " \r "};
  std::mt19937 random(4);
  JsonReader reader;
  simdjson::ondemand::parser parser;
  const auto any = [&](const auto& from) { return from[random() % std::size(from)]; };
  int valid = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string json;
    const auto add = [&](std::string_view token) { json.append(token).append(any(kBlanks)); };
    add("{");
    for (std::size_t n = random() % 5; n > 0; --n) {
      add(kTokens[random() % 11]);
      add(":");
      add(any(kTokens));
      if (n > 1) add(",");
    }
    add("}");
    if (random() % 8 == 0) json[random() % json.size()] = "{}[]:,\"\\ x1"[random() % 11];
    const std::string found = read(reader, json);
    if (found.starts_with("the line is not")) continue;  // What is valid, tests of json_text.h say.
    ++valid;
    const simdjson::padded_string padded(json);
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    ASSERT_FALSE(parser.iterate(padded).get(document)) << json;
    ASSERT_FALSE(document.get_object().get(object)) << json;
    ASSERT_EQ(found, members_of(object)) << json;
  }
  EXPECT_GT(valid, 150'000);
}

}  // namespace
}  // namespace piecemark::text
