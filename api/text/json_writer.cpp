#include "api/text/json_writer.h"

#include <charconv>
#include <cmath>

#include "api/text/number_text.h"

namespace piecemark::text {
namespace {

class ValueWriter {
 public:
  explicit ValueWriter(std::string& to) : to_(to) {}

  void operator()(const Uuid& id) { append_json_string(to_, id.to_string()); }
  void operator()(std::string_view text) { append_json_string(to_, text); }
  void operator()(std::int32_t number) { to_ += std::to_string(number); }
  void operator()(double number) {
    const bool is_word = !std::isfinite(number);
    if (is_word) to_ += '"';
    append_double(to_, number);
    if (is_word) to_ += '"';
  }
  void operator()(const Timestamp& instant) { append_json_string(to_, instant.to_string()); }
  template <class T>
  void operator()(const std::optional<T>& value) {
    if (value) {
      (*this)(*value);
    } else {
      to_ += "null";
    }
  }

 private:
  std::string& to_;
};

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  to += '"';
  for (const char c : text) {
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
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20) {
          to += "\\u00";
          to += kDigits[byte >> 4];
          to += kDigits[byte & 0x0FU];
        } else {
          to += c;
        }
    }
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
  JsonObject object(to);
  for_each_column(row, [&](Column column, const auto& value) {
    if (!columns.contains(column)) return;
    std::string& out = object.begin(info_of(column).name);
    if (column != Column::bounding_box) {
      ValueWriter{out}(value);
    } else {
      out += row.bounding_box.value_or("null");
    }
  });
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
