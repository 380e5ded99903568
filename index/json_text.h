// JSON as text: is it valid (RFC 8259), and what is it without the blanks between its tokens?
//
// Like PostgreSQL's json type it judges the grammar alone: numbers of any size, any \u escape and repeated
// keys are valid, which is why no parser into values can take its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace piecemark::index {

// How deep a value of a column may nest. Text around it may add a few levels.
inline constexpr std::size_t kJsonDepthMax = 1000;

struct JsonFinding {
  bool is_valid = false;
  bool has_blanks = false;       // between tokens
  std::size_t error_offset = 0;  // in bytes, where it is not valid
  std::string_view problem;      // empty where it is valid
};

// A member of an object, as it stands in the JSON; strings with their quotes.
struct JsonMemberSpan {
  std::string_view name;
  std::string_view value;
  bool name_has_escapes = false;
  bool value_has_escapes = false;  // in any string of it
};

// The text must be valid UTF-8. depth_max may be up to kJsonDepthMax + 8.  Cost  about 1 ns a byte, no
// memory.
JsonFinding inspect_json(std::string_view text, std::size_t depth_max = kJsonDepthMax);
// The same, with the members of the outermost object, if the text is one; they borrow from the text.
JsonFinding inspect_json(std::string_view text, std::size_t depth_max, std::vector<JsonMemberSpan>& members);

// Drops the blanks between the tokens of valid JSON.
std::string without_blanks(std::string_view json);

}  // namespace piecemark::index
