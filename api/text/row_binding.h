// Rows of text become rows of the store: each column's text is read as its type, errors named by column.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/text/json_reader.h"
#include "index/constraints.h"
#include "piecemark/component.h"
#include "piecemark/drawing.h"

namespace piecemark::text {

// One column from its text in CSV; nullopt is NULL.
index::Verdict bind_text(ComponentColumns& columns, Column column, std::optional<std::string_view> text);
index::Verdict bind_text(DrawingColumns& columns, std::string_view name,
                         std::optional<std::string_view> text);

// All columns from the members of a JSON object.
index::Verdict bind_json(ComponentColumns& columns, const std::vector<JsonMember>& members);
index::Verdict bind_json(DrawingColumns& columns, const std::vector<JsonMember>& members);

// An id from text or JSON.  Errors  invalid_text_representation
std::variant<Uuid, Violation> parse_uuid(std::string_view column, std::string_view text);

// A drawing that satisfies NOT NULL.
std::variant<Drawing, Violation> to_drawing(const DrawingColumns& columns);

}  // namespace piecemark::text
