#include "constraints.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <type_traits>

#include "json_text.h"
#include "text_scan.h"

namespace piecemark::index {
namespace {

constexpr std::string_view kConfidenceCheck = "components_confidence_score_check";

std::size_t code_points_in(std::string_view utf8) {
  std::size_t count = 0;
  for (const char c : utf8) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

std::string text_of(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

Verdict check_json(std::string_view column, std::string_view text, const JsonFinding& finding) {
  if (finding.is_valid) return std::nullopt;
  std::string message = std::string(column) + " is not valid JSON: " + std::string(finding.problem);
  message += text.empty() ? ", it is empty" : " at byte " + std::to_string(finding.error_offset + 1);
  return input_violation(ErrorCode::invalid_text_representation, column, std::move(message));
}

Verdict check_length(const ColumnInfo& info, std::string_view text) {
  if (info.column == Column::bounding_box) {
    if (text.size() <= kBoundingBoxBytesMax) return std::nullopt;
    return input_violation(ErrorCode::string_data_right_truncation, info.name,
                           "bounding_box has " + std::to_string(text.size()) + " bytes, its limit is " +
                               std::to_string(kBoundingBoxBytesMax));
  }
  if (text.size() <= info.max_code_points) return std::nullopt;
  const std::size_t length = code_points_in(text);
  if (length <= info.max_code_points) return std::nullopt;
  return input_violation(ErrorCode::string_data_right_truncation, info.name,
                         std::string(info.name) + " has " + std::to_string(length) +
                             " characters, its limit is " + std::to_string(info.max_code_points));
}

// The text of a column, if its type is text and it has a value.
std::optional<std::string_view> text_in(std::string_view value) {
  return value;
}
std::optional<std::string_view> text_in(const std::optional<std::string_view>& value) {
  return value;
}
std::optional<std::string_view> text_in(const ColumnValue<std::string>& value) {
  return value.value() ? std::optional<std::string_view>(*value.value()) : std::nullopt;
}
template <class T>
std::optional<std::string_view> text_in(const T& /*not text*/) {
  return std::nullopt;
}

std::optional<Timestamp> timestamp_in(const std::optional<Timestamp>& value) {
  return value;
}
std::optional<Timestamp> timestamp_in(const ColumnValue<Timestamp>& value) {
  return value.value();
}
template <class T>
std::optional<Timestamp> timestamp_in(const T& /*no time stamp*/) {
  return std::nullopt;
}

bool is_in_range(Timestamp instant) {
  return instant.microseconds >= Timestamp::kFirst && instant.microseconds <= Timestamp::kLast;
}

template <class T>
bool has_value(const T& /*never NULL*/) {
  return true;
}
template <class T>
bool has_value(const std::optional<T>& value) {
  return value.has_value();
}
template <class T>
bool has_value(const ColumnValue<T>& value) {
  return value.value().has_value();
}

// `json` receives what inspect_json found of bounding_box.
template <class Columns>
Verdict check_columns(const Format& format, const Columns& columns, JsonFinding& json) {
  Verdict verdict;
  for_each_column(columns, [&](Column column, const auto& value) {
    if (verdict) return;
    const std::string_view name = info_of(column).name;
    if (!format.has(column) && has_value(value)) {
      verdict =
          input_violation(ErrorCode::invalid_text_representation, name,
                          "format " + std::to_string(format.number) + " has no column " + std::string(name));
      return;
    }
    if (const auto instant = timestamp_in(value); instant && !is_in_range(*instant)) {
      verdict = input_violation(ErrorCode::datetime_field_overflow, name,
                                std::string(name) + " is outside the years 1 to 294246");
      return;
    }
    const auto text = text_in(value);
    if (!text) return;
    verdict = check_characters(name, *text);
    if (!verdict && column == Column::bounding_box) {
      json = inspect_json(*text);
      verdict = check_json(name, *text, json);
    }
  });
  for_each_column(columns, [&](Column column, const auto& value) {
    if (verdict) return;
    if (const auto text = text_in(value)) verdict = check_length(info_of(column), *text);
  });
  return verdict;
}

// Whether the row has nothing that check_columns would look at twice: short ASCII, valid JSON, time stamps in range.
// Most rows have; what is wrong with another, if anything, is for check_columns to say. `json` as there.
bool is_usual(const Format& format, const ComponentRow& row, JsonFinding& json) {
  bool is_usual = true;
  for_each_column(row, [&](Column column, const auto& value) {
    if (!is_usual || !has_value(value)) return;
    is_usual = format.has(column);
    if (const auto instant = timestamp_in(value)) is_usual = is_usual && is_in_range(*instant);
    const auto text = text_in(value);
    if (!text || !is_usual) return;
    if (column != Column::bounding_box) {
      is_usual = text->size() <= info_of(column).max_code_points && is_plain_ascii(*text);
    } else if (text->size() <= kBoundingBoxBytesMax && is_plain_ascii(*text)) {
      json = inspect_json(*text);
      is_usual = json.is_valid;
    } else {
      is_usual = false;
    }
  });
  return is_usual;
}

}  // namespace

Violation not_null_violation(std::string_view table, std::string_view column) {
  return Violation{ErrorCode::not_null_violation,
                   {},
                   std::string(column),
                   std::string(table) + "." + std::string(column) + " must have a value",
                   {}};
}

Violation input_violation(ErrorCode code, std::string_view column, std::string message) {
  return {code, {}, std::string(column), std::move(message), {}};
}

Verdict check_characters(std::string_view column, std::string_view text) {
  if (is_plain_ascii(text)) return std::nullopt;
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    return input_violation(ErrorCode::character_not_in_repertoire, column,
                           std::string(column) + " is not valid UTF-8");
  }
  if (const auto at = text.find('\0'); at != std::string_view::npos) {
    return input_violation(ErrorCode::character_not_in_repertoire, column,
                           std::string(column) + " contains U+0000 at byte " + std::to_string(at + 1));
  }
  return std::nullopt;
}

Verdict check_input(const Format& format, ComponentRow& row, std::string& json) {
  JsonFinding finding;
  if (!is_usual(format, row, finding)) {
    if (auto verdict = check_columns(format, row, finding)) return verdict;
  }
  if (!row.bounding_box) return std::nullopt;
  if (finding.has_blanks) {
    json = without_blanks(*row.bounding_box);
    row.bounding_box = json;
  }
  if (row.bounding_box == "null") row.bounding_box = std::nullopt;
  return std::nullopt;
}

Verdict check_input(const Format& format, const ComponentColumns& columns) {
  JsonFinding finding;
  return check_columns(format, columns, finding);
}

Verdict check_input(const Drawing& drawing) {
  if (!drawing.name) return std::nullopt;
  if (auto verdict = check_characters("name", *drawing.name)) return verdict;
  if (drawing.name->size() <= kDrawingNameBytesMax) return std::nullopt;
  return input_violation(ErrorCode::string_data_right_truncation, "name",
                         "name has " + std::to_string(drawing.name->size()) + " bytes, its limit is " +
                             std::to_string(kDrawingNameBytesMax));
}

Verdict check_not_null(const IncomingRow& incoming) {
  if (incoming.id_is_null) return not_null_violation("components", "id");
  if (incoming.piece_mark_is_null) return not_null_violation("components", "piece_mark");
  return std::nullopt;
}

Verdict check_not_null(const ComponentColumns& columns) {
  if (columns.id.is_null()) return not_null_violation("components", "id");
  if (columns.piece_mark.is_null()) return not_null_violation("components", "piece_mark");
  return std::nullopt;
}

Verdict check_values(const ComponentRow& row) {
  // NaN fails every comparison, and so the CHECK.
  if (!row.confidence_score || (*row.confidence_score >= 0 && *row.confidence_score <= 1))
    return std::nullopt;
  return Violation{ErrorCode::check_violation,
                   std::string(kConfidenceCheck),
                   "confidence_score",
                   "confidence_score " + text_of(*row.confidence_score) + " is not between 0 and 1",
                   {}};
}

}  // namespace piecemark::index
