// Natural order of text: runs of digits compare as numbers, so that "2" comes before "10".
#pragma once

#include <compare>
#include <string_view>

namespace piecemark::migration {

// A total order: texts that differ never compare equal ("1" and "01" are ordered byte by byte in the end).
std::strong_ordering compare_naturally(std::string_view a, std::string_view b);

}  // namespace piecemark::migration
