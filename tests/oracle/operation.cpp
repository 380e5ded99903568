#include "tests/oracle/operation.h"

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

namespace piecemark::oracle {
namespace {

std::string uuid_or_null(const std::optional<Uuid>& id) {
  return id ? json_string(id->to_string()) : "null";
}

std::string escaped(std::uint32_t unit) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", unit);
  return text.data();
}

// The code point at the front of valid UTF-8, which is taken off.
std::uint32_t take_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t point = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(size);
  return point;
}

std::string member_object(const std::vector<Member>& members) {
  std::string object = "{";
  for (const Member& member : members) {
    if (object.size() > 1) object += ',';
    object += json_string(member.name) + ":" + member.json;
  }
  return object + "}";
}

std::string null_if_empty(std::string_view text) {
  return text.empty() ? "null" : json_string(text);
}

std::string text_of(const Uuid& id, Doubles) {
  return json_string(id.to_string());
}
std::string text_of(const std::string& text, Doubles) {
  return json_string(text);
}
std::string text_of(std::int32_t number, Doubles) {
  return std::to_string(number);
}
std::string text_of(double number, Doubles doubles) {
  if (doubles == Doubles::bits) return "bits " + std::to_string(std::bit_cast<std::uint64_t>(number));
  if (std::isnan(number)) return "\"NaN\"";
  if (std::isinf(number)) return number < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  if (number == 0) return std::signbit(number) ? "-0.0" : "0";
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}
std::string text_of(const Timestamp& instant, Doubles) {
  using std::chrono::microseconds;
  const std::chrono::sys_time<microseconds> time{microseconds(instant.microseconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "\"%04d-%02u-%02uT%02d:%02d:%02d.%06dZ\"",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}
template <class T>
std::string text_of(const std::optional<T>& value, Doubles doubles) {
  return value ? text_of(*value, doubles) : "null";
}

template <class Row, class Writer>
std::string array_of(const std::vector<Row>& rows, const Writer& write) {
  std::string text = "{\"ok\":true,\"rows\":[";
  for (const Row& row : rows) text += write(row) + ",";
  if (!rows.empty()) text.pop_back();
  return text + "]}";
}

}  // namespace

std::string json_string(std::string_view text, bool ascii) {
  std::string json = "\"";
  while (!text.empty()) {
    const std::string_view rest = text;
    const std::uint32_t point = take_code_point(text);
    if (point == '"' || point == '\\') {
      json += '\\';
      json += static_cast<char>(point);
    } else if (point == '\n') {
      json += "\\n";
    } else if (point == '\r') {
      json += "\\r";
    } else if (point == '\t') {
      json += "\\t";
    } else if (point < 0x20) {
      json += escaped(point);
    } else if (point < 0x80 || !ascii) {
      json += rest.substr(0, rest.size() - text.size());
    } else if (point < 0x10000) {
      json += escaped(point);
    } else {
      json += escaped(0xD800 + ((point - 0x10000) >> 10)) + escaped(0xDC00 + ((point - 0x10000) & 0x3FFU));
    }
  }
  return json + "\"";
}

std::string to_line(const Operation& operation) {
  const auto with_id = [&](const char* name) {
    return std::string(R"({"op":")") + name + R"(","id":)" + uuid_or_null(operation.id) + "}";
  };
  const auto with_row = [&](const char* name) {
    return std::string(R"({"op":")") + name + R"(","row":)" + member_object(operation.members) + "}";
  };
  const auto with_set = [&](const char* name) {
    return std::string(R"({"op":")") + name + R"(","id":)" + uuid_or_null(operation.id) + R"(,"set":)" +
           member_object(operation.members) + "}";
  };
  switch (operation.verb) {
    case Verb::begin:
      return R"({"op":"begin"})";
    case Verb::commit:
      return R"({"op":"commit"})";
    case Verb::rollback:
      return R"({"op":"rollback"})";
    case Verb::insert_drawing:
      return with_row("insert_drawing");
    case Verb::update_drawing:
      return with_set("update_drawing");
    case Verb::delete_drawing:
      return with_id("delete_drawing");
    case Verb::insert:
      return with_row("insert");
    case Verb::update:
      return with_set("update");
    case Verb::erase:
      return with_id("delete");
    case Verb::get:
      return with_id("get");
    case Verb::find: {
      std::string line = R"({"op":"find","drawing_id":)" + uuid_or_null(operation.drawing_id) +
                         R"(,"piece_mark":)" + json_string(operation.piece_mark);
      if (operation.wanted == Wanted::without_instance) line += R"(,"instance_identifier":null)";
      if (operation.wanted == Wanted::one_instance)
        line += R"(,"instance_identifier":)" + json_string(operation.instance_identifier);
      return line + "}";
    }
    case Verb::list:
      return R"({"op":"list","drawing_id":)" + uuid_or_null(operation.drawing_id) + "}";
    case Verb::count:
      return R"({"op":"count"})";
    case Verb::list_drawings:
      return R"({"op":"list_drawings"})";
    case Verb::line:
      return operation.line;
    case Verb::upsert:
      break;
  }
  return "exec has no upsert";
}

std::string answer_ok() {
  return R"({"ok":true})";
}

std::string answer_id(const Uuid& id) {
  return R"({"ok":true,"id":")" + id.to_string() + "\"}";
}

std::string answer_count(std::string_view name, std::uint64_t count) {
  return R"({"ok":true,")" + std::string(name) + "\":" + std::to_string(count) + "}";
}

std::string answer_error(ErrorCode code, std::string_view constraint, std::string_view column) {
  return R"({"ok":false,"error":{"code":")" + std::string(name_of(code)) + R"(","constraint":)" +
         null_if_empty(constraint) + R"(,"column":)" + null_if_empty(column) + "}}";
}

std::string answer_error(const Violation& violation) {
  return answer_error(violation.code, violation.constraint, violation.column);
}

std::string answer_outcome(const Upserted& upserted) {
  constexpr std::array kNames{"inserted", "skipped", "updated"};
  return std::string(R"({"ok":true,")") + kNames.at(static_cast<std::size_t>(upserted.outcome)) +
         R"(":true,"id":")" + upserted.id.to_string() + "\"}";
}

std::string row_text(const Component& component, Doubles doubles) {
  std::string text;
  for_each_column(component, [&](Column column, const auto& value) {
    text += text.empty() ? '{' : ',';
    text += json_string(info_of(column).name) + ":";
    text +=
        column == Column::bounding_box ? component.bounding_box.value_or("null") : text_of(value, doubles);
  });
  return text + "}";
}

std::string row_text(const Drawing& drawing) {
  return R"({"id":")" + drawing.id.to_string() + R"(","name":)" + text_of(drawing.name, Doubles::shortest) +
         "}";
}

std::string answer_row(const std::optional<Component>& row, Doubles doubles) {
  return R"({"ok":true,"row":)" + (row ? row_text(*row, doubles) : "null") + "}";
}

std::string answer_rows(const std::vector<Component>& rows, Doubles doubles) {
  return array_of(rows, [&](const Component& row) { return row_text(row, doubles); });
}

std::string answer_rows(const std::vector<Drawing>& rows) {
  return array_of(rows, [](const Drawing& row) { return row_text(row); });
}

}  // namespace piecemark::oracle
