#include "api/text/json_writer.h"

#include <array>
#include <cmath>

#include "api/text/number_text.h"
#include "index/text_scan.h"

namespace piecemark::text {
namespace {

// A quote, a backslash or a control character.
void append_escaped(std::string& to, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      to += "\\\"";
      break;
    case '\\':
      to += "\\\\";
      break;
    case '\n':
      to += "\\n";
      break;
    case '\r':
      to += "\\r";
      break;
    case '\t':
      to += "\\t";
      break;
    default:
      to += "\\u00";
      to += kDigits[static_cast<unsigned char>(c) >> 4];
      to += kDigits[static_cast<unsigned char>(c) & 0x0FU];
  }
}

class ValueWriter {
 public:
  explicit ValueWriter(std::string& to) : to_(to) {}

  void operator()(const Uuid& id) {
    std::array<char, Uuid::kTextSize + 2> quoted;  // NOLINT(*-member-init): written before it is read
    append_quoted(quoted.data(), id.write_text(quoted.data() + 1));
  }
  void operator()(std::string_view text) { append_json_string(to_, text); }
  void operator()(std::int32_t number) { append_int32(to_, number); }
  void operator()(double number) {
    const bool is_word = !std::isfinite(number);
    if (is_word) to_ += '"';
    append_double(to_, number);
    if (is_word) to_ += '"';
  }
  void operator()(const Timestamp& instant) {
    std::array<char, Timestamp::kTextSizeMax + 2> quoted;  // NOLINT(*-member-init): as above
    append_quoted(quoted.data(), instant.write_text(quoted.data() + 1));
  }
  template <class T>
  void operator()(const std::optional<T>& value) {
    if (value) {
      (*this)(*value);
    } else {
      to_ += "null";
    }
  }

 private:
  // The text lies behind room for one quote, and before room for another.
  void append_quoted(char* start, char* end) {
    *start = '"';
    *end = '"';
    to_.append(start, end + 1);
  }

  std::string& to_;
};

// Every column's name as a member of an object has it: ,"name":
constexpr std::size_t kMemberNameMax = 24;
struct MemberName {
  std::array<char, kMemberNameMax> text{};
  std::size_t size = 0;
};
constexpr std::array<MemberName, kColumns.size()> kMemberNames = [] {
  std::array<MemberName, kColumns.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto add = [&name = names[i]](char c) { name.text[name.size++] = c; };
    add(',');
    add('"');
    for (const char c : kColumns[i].name) add(c);
    add('"');
    add(':');
  }
  return names;
}();

constexpr std::string_view member_name(Column column) {
  const MemberName& name = kMemberNames[static_cast<std::size_t>(column) - 1];
  return {name.text.data(), name.size};
}

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    const char* const special = index::end_of_plain(at, end);
    to.append(at, special);
    if (special == end) break;
    append_escaped(to, *special);
    at = special + 1;
  }
  to += '"';
}

std::string& JsonObject::begin(std::string_view name) {
  if (!is_first_) to_ += ',';
  is_first_ = false;
  append_json_string(to_, name);
  to_ += ':';
  return to_;
}

JsonObject& JsonObject::add(std::string_view name, std::string_view text) {
  append_json_string(begin(name), text);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, std::uint64_t number) {
  begin(name) += std::to_string(number);
  return *this;
}

JsonObject& JsonObject::add(std::string_view name, bool value) {
  begin(name) += value ? "true" : "false";
  return *this;
}

JsonObject& JsonObject::add_null(std::string_view name) {
  begin(name) += "null";
  return *this;
}

JsonObject& JsonObject::add_text_or_null(std::string_view name, std::string_view text) {
  return text.empty() ? add_null(name) : add(name, text);
}

JsonObject& JsonObject::add_nullable(std::string_view name, const std::optional<std::string>& text) {
  return text ? add(name, std::string_view(*text)) : add_null(name);
}

void append_json(std::string& to, const ComponentRow& row, ColumnSet columns) {
  to += '{';
  bool is_first = true;
  for_each_column(row, [&](Column column, const auto& value) {
    if (!columns.contains(column)) return;
    to += member_name(column).substr(is_first ? 1 : 0);
    is_first = false;
    if (column != Column::bounding_box) {
      ValueWriter{to}(value);
    } else {
      to += row.bounding_box.value_or("null");
    }
  });
  to += '}';
}

void append_json(std::string& to, const Drawing& drawing) {
  JsonObject object(to);
  object.add("id", drawing.id.to_string());
  ValueWriter{object.begin("name")}(drawing.name ? std::optional<std::string_view>(*drawing.name)
                                                 : std::nullopt);
}

void append_json(std::string& to, const SetAside& entry) {
  const Component& component = entry.component;
  JsonObject object(to);
  object.add("what", entry.what == SetAside::What::row ? "row" : "identifier").add("reason", entry.reason);
  object.add("id", component.id.to_string());
  object.add_nullable("drawing_id",
                      component.drawing_id ? std::optional(component.drawing_id->to_string()) : std::nullopt);
  object.add("piece_mark", component.piece_mark);
  object.add_nullable("instance_identifier", component.instance_identifier);
}

void append_json(std::string& to, const std::vector<std::string>& texts) {
  to += '[';
  for (const std::string& text : texts) {
    if (!to.ends_with('[')) to += ',';
    append_json_string(to, text);
  }
  to += ']';
}

}  // namespace piecemark::text
