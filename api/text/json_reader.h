// One JSON object from text: its members with their kinds, texts and raw values.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "index/json_text.h"
#include "piecemark/error.h"

namespace piecemark::text {

struct JsonMember {
  enum class Kind : std::uint8_t { null, boolean, number, string, object, array };
  std::string_view name;
  Kind kind = Kind::null;
  std::string_view text;  // string: its characters, escapes resolved; otherwise the same as raw
  std::string_view raw;   // as it stands in the JSON
  bool is_text = true;    // false for a string with half of a surrogate pair: valid JSON, but no characters
};

class JsonReader {
 public:
  // The members of the object, in their order. Valid until the next call, and no longer than the text.
  // Errors  invalid_text_representation  no JSON, no object, a name that occurs twice
  //         character_not_in_repertoire  invalid UTF-8
  std::variant<const std::vector<JsonMember>*, Violation> read_object(std::string_view json);

 private:
  bool read_members(std::size_t bytes, bool& may_repeat);
  bool resolve(std::string_view token, std::string_view& text);
  const JsonMember* first_repeated();

  std::vector<index::JsonMemberSpan> spans_;
  std::vector<JsonMember> members_;
  std::vector<const JsonMember*> by_name_;
  simdjson::ondemand::parser parser_;
  std::string padded_;
  std::string resolved_;  // strings that had escapes; never grows while members point into it
};

// The member of this name, or nullptr.
const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name);

}  // namespace piecemark::text
