// JSON as text: is it valid (RFC 8259), and what is it without the blanks between its tokens?
//
// Like PostgreSQL's json type it judges the grammar alone: numbers of any size, any \u escape and repeated
// keys are valid, which is why no parser into values can take its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace piecemark::index {

// How deep a value of a column may nest. Text around it may add a few levels.
inline constexpr std::size_t kJsonDepthMax = 1000;

struct JsonFinding {
  bool is_valid = false;
  bool has_blanks = false;       // between tokens
  std::size_t error_offset = 0;  // in bytes, where it is not valid
  std::string_view problem;      // empty where it is valid
};

// The text must be valid UTF-8. depth_max may be up to kJsonDepthMax + 8.  Cost  about 2 ns a byte, no
// memory.
JsonFinding inspect_json(std::string_view text, std::size_t depth_max = kJsonDepthMax);

// Drops the blanks between the tokens of valid JSON.
std::string without_blanks(std::string_view json);

}  // namespace piecemark::index
