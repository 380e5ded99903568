// Numbers in text, read as PostgreSQL reads them and written so that they read back to the same bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "piecemark/error_code.h"

namespace piecemark::text {

// Blanks around the number are allowed; so are NaN, Infinity, inf and signs, in any case.
// Errors  invalid_text_representation, numeric_value_out_of_range (too large, or too small and not 0)
std::variant<double, ErrorCode> parse_double(std::string_view text);
std::variant<std::int32_t, ErrorCode> parse_int32(std::string_view text);

// The shortest digits that read back to the same bits; "NaN", "Infinity", "-Infinity".
void append_double(std::string& to, double value);
void append_int32(std::string& to, std::int32_t value);

}  // namespace piecemark::text
