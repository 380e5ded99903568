// Text from outside, as messages and terminals show it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace piecemark::engine {

// What is written as \xNN, byte by byte.
enum class Escape : std::uint8_t {
  no_text,             // bytes that are no UTF-8
  controls_but_lines,  // and control characters other than line feeds, and what turns the direction of writing
  controls,            // and line feeds
};
std::string escaped(std::string_view text, Escape what = Escape::controls);

// JSON with characters that could steer a terminal as JSON writes them: \u009b.
std::string json_for_terminal(std::string_view json);

// In quotation marks, escaped; of a long text the beginning.
std::string shown(std::string_view text);

}  // namespace piecemark::engine
