#include "api/text/json_reader.h"

#include "index/constraints.h"
#include "index/json_text.h"

namespace piecemark::text {
namespace {

using simdjson::ondemand::json_type;

// Rows lie in an envelope of at most two levels.
constexpr std::size_t kDepthMax = index::kJsonDepthMax + 2;

Violation malformed(std::string message) {
  return index::input_violation(ErrorCode::invalid_text_representation, {}, std::move(message));
}

std::string_view trimmed(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 1);
}

simdjson::error_code read_value(simdjson::ondemand::value value, JsonMember& member) {
  json_type type{};
  if (const auto error = value.type().get(type)) return error;
  switch (type) {
    case json_type::string:
      member.kind = JsonMember::Kind::string;
      member.raw = trimmed(value.raw_json_token());
      // The grammar was checked before, so that only half of a surrogate pair can fail here.
      member.is_text = value.get_string().get(member.text) == simdjson::SUCCESS;
      return simdjson::SUCCESS;
    case json_type::object: {
      member.kind = JsonMember::Kind::object;
      simdjson::ondemand::object object;
      if (const auto error = value.get_object().get(object)) return error;
      return object.raw_json().get(member.raw);
    }
    case json_type::array: {
      member.kind = JsonMember::Kind::array;
      simdjson::ondemand::array array;
      if (const auto error = value.get_array().get(array)) return error;
      return array.raw_json().get(member.raw);
    }
    case json_type::number:
      member.kind = JsonMember::Kind::number;
      break;
    case json_type::boolean:
      member.kind = JsonMember::Kind::boolean;
      break;
    case json_type::null:
      member.kind = JsonMember::Kind::null;
      break;
  }
  member.raw = trimmed(value.raw_json_token());
  return simdjson::SUCCESS;
}

}  // namespace

std::variant<const std::vector<JsonMember>*, Violation> JsonReader::read_object(std::string_view json) {
  if (!simdjson::validate_utf8(json.data(), json.size())) {
    return index::input_violation(ErrorCode::character_not_in_repertoire, {}, "the line is not valid UTF-8");
  }
  if (const index::JsonFinding finding = index::inspect_json(json, kDepthMax); !finding.is_valid) {
    return malformed("the line is not valid JSON: " + std::string(finding.problem) + " at byte " +
                     std::to_string(finding.error_offset + 1));
  }
  if (const auto first = json.find_first_not_of(" \t\r\n"); json[first] != '{') {
    return malformed("the line is not a JSON object");
  }

  padded_.assign(json);
  padded_.resize(json.size() + simdjson::SIMDJSON_PADDING, ' ');
  members_.clear();
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  auto error = parser_.iterate(simdjson::padded_string_view(padded_.data(), json.size(), padded_.size()))
                   .get(document);
  if (!error) error = document.get_object().get(object);
  if (!error) {
    for (auto field : object) {
      JsonMember member;
      simdjson::ondemand::value value;
      if ((error = field.unescaped_key().get(member.name))) break;
      if ((error = field.value().get(value))) break;
      if ((error = read_value(value, member))) break;
      if (member.kind != JsonMember::Kind::string) member.text = member.raw;
      if (find_member(members_, member.name) != nullptr) {
        return malformed("the name \"" + std::string(member.name) + "\" occurs twice");
      }
      members_.push_back(member);
    }
  }
  if (error)
    return malformed(std::string("the line cannot be read as JSON: ") + simdjson::error_message(error));
  return &members_;
}

const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name) {
  for (const JsonMember& member : members) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

}  // namespace piecemark::text
