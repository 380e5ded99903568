// What a row must be by itself: row in, violation out. What it must be among others - unique, of a drawing
// that exists - is in components.h.
//
// PostgreSQL's order holds: errors of input first (form, then length, each in the order of the columns), then
// NOT NULL, then CHECK.
#pragma once

#include <optional>
#include <string>

#include "format.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/error.h"

namespace piecemark::index {

using Verdict = std::optional<Violation>;

// Bounds that keep every row within a line of text that can be read back.
inline constexpr std::size_t kBoundingBoxBytesMax = std::size_t{4} << 20;
inline constexpr std::size_t kDrawingNameBytesMax = std::size_t{1} << 20;

// A row from outside. NOT NULL columns may say that they are NULL.
struct IncomingRow {
  ComponentRow row;
  bool id_is_null = false;
  bool piece_mark_is_null = false;
};

// Checks the input and brings bounding_box to the form in which it is stored: without blanks between tokens,
// and NULL where it is the JSON null, which no row of text can tell from NULL. The new text lies in `json`.
Verdict check_input(const Format& format, ComponentRow& row, std::string& json);
// The same for the columns that are given; bounding_box is only checked.
Verdict check_input(const Format& format, const ComponentColumns& columns);
Verdict check_input(const Drawing& drawing);
// The part of the above that looks at one text alone: valid UTF-8, no U+0000.
Verdict check_characters(std::string_view column, std::string_view text);

Verdict check_not_null(const IncomingRow& incoming);
Verdict check_not_null(const ComponentColumns& columns);
Verdict check_values(const ComponentRow& row);

// A column that must have a value has none.
Violation not_null_violation(std::string_view table, std::string_view column);
// A violation of the text of one column, for readers of text whose column has no text in a row.
Violation input_violation(ErrorCode code, std::string_view column, std::string message);

}  // namespace piecemark::index
