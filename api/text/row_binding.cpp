#include "api/text/row_binding.h"

#include "api/text/malformed.h"
#include "api/text/number_text.h"
#include "engine/shown.h"

namespace piecemark::text {
namespace {

using index::Verdict;
using Kind = JsonMember::Kind;

using engine::shown;

template <class T>
std::string_view what_is_wrong(ErrorCode code, std::string_view text) {
  switch (code) {
    case ErrorCode::numeric_value_out_of_range:
      return " is out of range";
    case ErrorCode::datetime_field_overflow:
      return " has a field that is out of range";
    case ErrorCode::invalid_datetime_format:
      return " is not a time stamp";
    default:
      const bool is_number = std::holds_alternative<double>(parse_double(text));
      return std::is_same_v<T, std::int32_t> && is_number ? " is not a whole number" : " is not a number";
  }
}

// Sets one column from text. One overload for each type that a column can have.
Verdict set_from_text(std::string_view name, std::string_view text, ColumnValue<Uuid>& value) {
  if (const auto usual = Uuid::parse(text)) {
    value = *usual;
    return std::nullopt;
  }
  auto id = parse_uuid(name, text);
  if (auto* violation = std::get_if<Violation>(&id)) return std::move(*violation);
  value = std::get<Uuid>(id);
  return std::nullopt;
}

Verdict set_from_text(std::string_view name, std::string_view text, ColumnValue<std::string>& value) {
  if (auto verdict = index::check_characters(name, text)) return verdict;
  value = std::string(text);
  return std::nullopt;
}

template <class T>
Verdict set_from_result(std::string_view name, std::string_view text,
                        const std::variant<T, ErrorCode>& result, ColumnValue<T>& value) {
  if (const auto* code = std::get_if<ErrorCode>(&result)) {
    return index::input_violation(
        *code, name, std::string(name) + " " + shown(text) + std::string(what_is_wrong<T>(*code, text)));
  }
  value = std::get<T>(result);
  return std::nullopt;
}

Verdict set_from_text(std::string_view name, std::string_view text, ColumnValue<std::int32_t>& value) {
  return set_from_result(name, text, parse_int32(text), value);
}

Verdict set_from_text(std::string_view name, std::string_view text, ColumnValue<double>& value) {
  return set_from_result(name, text, parse_double(text), value);
}

Verdict set_from_text(std::string_view name, std::string_view text, ColumnValue<Timestamp>& value) {
  return set_from_result(name, text, Timestamp::parse(text), value);
}

// Which kind of JSON value a column takes besides null.
template <class T>
constexpr Kind kKindOf = Kind::string;
template <>
constexpr Kind kKindOf<std::int32_t> = Kind::number;
template <>
constexpr Kind kKindOf<double> = Kind::number;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::object:
      return "an object";
    case Kind::array:
      return "an array";
  }
  return "";
}

bool is_number_word(std::string_view text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

template <class T>
Verdict set_from_json(const JsonMember& member, ColumnValue<T>& value) {
  if (member.kind == Kind::null) {
    value = std::nullopt;
    return std::nullopt;
  }
  const bool is_word =
      std::is_same_v<T, double> && member.kind == Kind::string && is_number_word(member.text);
  if (member.kind != kKindOf<T> && !is_word) {
    return malformed(std::string(member.name) + " must be " + std::string(name_of(kKindOf<T>)) +
                         " or null, found " + std::string(name_of(member.kind)),
                     member.name);
  }
  if (!member.is_text) {
    return index::input_violation(
        ErrorCode::character_not_in_repertoire, member.name,
        std::string(member.name) + " has a \\u escape that is half of a surrogate pair");
  }
  return set_from_text(member.name, member.text, value);
}

// Calls visit with the value of one column.
template <class Visitor>
Verdict with_column(ComponentColumns& columns, Column column, const Visitor& visit) {
  switch (column) {
    case Column::id:
      return visit(columns.id);
    case Column::drawing_id:
      return visit(columns.drawing_id);
    case Column::piece_mark:
      return visit(columns.piece_mark);
    case Column::instance_identifier:
      return visit(columns.instance_identifier);
    case Column::component_type:
      return visit(columns.component_type);
    case Column::quantity:
      return visit(columns.quantity);
    case Column::material_type:
      return visit(columns.material_type);
    case Column::location_x:
      return visit(columns.location_x);
    case Column::location_y:
      return visit(columns.location_y);
    case Column::bounding_box:
      return visit(columns.bounding_box);
    case Column::confidence_score:
      return visit(columns.confidence_score);
    case Column::review_status:
      return visit(columns.review_status);
    case Column::created_at:
      return visit(columns.created_at);
    case Column::updated_at:
      return visit(columns.updated_at);
  }
  return std::nullopt;
}

// bounding_box takes any JSON value, as the text that it is.
Verdict set_bounding_box(const JsonMember& member, ColumnValue<std::string>& value) {
  if (member.kind == Kind::null) {
    value = std::nullopt;
  } else {
    value = std::string(member.raw);
  }
  return std::nullopt;
}

}  // namespace

std::variant<Uuid, Violation> parse_uuid(std::string_view column, std::string_view text) {
  if (auto verdict = index::check_characters(column, text)) return std::move(*verdict);
  if (const auto id = Uuid::parse(text)) return *id;
  return malformed(std::string(column) + " " + shown(text) + " is not a UUID", column);
}

Verdict bind_text(ComponentColumns& columns, Column column, std::optional<std::string_view> text) {
  return with_column(columns, column, [&](auto& value) -> Verdict {
    if (text) return set_from_text(info_of(column).name, *text, value);
    value = std::nullopt;
    return std::nullopt;
  });
}

Verdict bind_text(DrawingColumns& columns, std::string_view name, std::optional<std::string_view> text) {
  if (name == "id") {
    if (text) return set_from_text(name, *text, columns.id);
    columns.id = std::nullopt;
  } else {
    if (text) return set_from_text(name, *text, columns.name);
    columns.name = std::nullopt;
  }
  return std::nullopt;
}

Verdict bind_json(ComponentColumns& columns, const std::vector<JsonMember>& members) {
  std::size_t expected = 0;  // Most rows have their columns in order.
  for (const JsonMember& member : members) {
    std::optional<Column> column;
    if (expected < kColumns.size() && kColumns[expected].name == member.name) {
      column = kColumns[expected].column;
    } else {
      column = column_named(member.name);
    }
    if (!column) return malformed("components has no column " + shown(member.name));
    expected = static_cast<std::size_t>(*column);
    Verdict verdict =
        *column == Column::bounding_box
            ? set_bounding_box(member, columns.bounding_box)
            : with_column(columns, *column, [&](auto& value) { return set_from_json(member, value); });
    if (verdict) return verdict;
  }
  return std::nullopt;
}

Verdict bind_json(DrawingColumns& columns, const std::vector<JsonMember>& members) {
  for (const JsonMember& member : members) {
    Verdict verdict;
    if (member.name == "id") {
      verdict = set_from_json(member, columns.id);
    } else if (member.name == "name") {
      verdict = set_from_json(member, columns.name);
    } else {
      verdict = malformed("drawings has no column " + shown(member.name));
    }
    if (verdict) return verdict;
  }
  return std::nullopt;
}

std::variant<Drawing, Violation> to_drawing(const DrawingColumns& columns) {
  if (!columns.id.value()) {
    return index::not_null_violation("drawings", "id");
  }
  return Drawing{.id = *columns.id.value(), .name = columns.name.value()};
}

}  // namespace piecemark::text
