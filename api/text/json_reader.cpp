#include "api/text/json_reader.h"

#include "api/text/malformed.h"
#include "engine/shown.h"

#include <algorithm>

#include "index/constraints.h"

namespace piecemark::text {
namespace {

using index::JsonMemberSpan;

// Rows lie in an envelope of at most two levels.
constexpr std::size_t kDepthMax = index::kJsonDepthMax + 2;

JsonMember::Kind kind_of(std::string_view value) {
  switch (value.front()) {
    case '"':
      return JsonMember::Kind::string;
    case '{':
      return JsonMember::Kind::object;
    case '[':
      return JsonMember::Kind::array;
    case 't':
    case 'f':
      return JsonMember::Kind::boolean;
    case 'n':
      return JsonMember::Kind::null;
    default:
      return JsonMember::Kind::number;
  }
}

std::string_view inside(std::string_view quoted) {
  return quoted.substr(1, quoted.size() - 2);
}

// Names that were seen, as one bit each of a word. The names of a row's columns have bits of their own, so that a
// row of them needs no comparison of names.
class SeenNames {
 public:
  static constexpr unsigned bit_of(std::string_view name) {
    if (name.empty()) return 0;
    const auto first = static_cast<unsigned char>(name.front());
    const auto last = static_cast<unsigned char>(name.back());
    return (static_cast<unsigned>(name.size()) * 2 + first + last) % 64;
  }
  // False: the name was certainly not added before.
  bool may_contain(std::string_view name) const { return (bits_ >> bit_of(name) & 1U) != 0; }
  void add(std::string_view name) { bits_ |= std::uint64_t{1} << bit_of(name); }

 private:
  std::uint64_t bits_ = 0;
};

constexpr bool columns_have_bits_of_their_own() {
  std::uint64_t bits = 0;
  for (const ColumnInfo& info : kColumns) {
    const std::uint64_t bit = std::uint64_t{1} << SeenNames::bit_of(info.name);
    if ((bits & bit) != 0) return false;
    bits |= bit;
  }
  return true;
}
static_assert(columns_have_bits_of_their_own());

}  // namespace

// The characters of a string that has escapes. Its grammar was checked before, so that only half of a surrogate
// pair can fail here.
bool JsonReader::resolve(std::string_view token, std::string_view& text) {
  padded_.assign(token);
  padded_.resize(token.size() + simdjson::SIMDJSON_PADDING, ' ');
  const simdjson::padded_string_view padded(padded_.data(), token.size(), padded_.size());
  simdjson::ondemand::document document;
  std::string_view characters;
  if (parser_.iterate(padded).get(document) || document.get_string().get(characters)) return false;
  const std::size_t start = resolved_.size();
  resolved_ += characters;
  text = std::string_view(resolved_).substr(start);
  return true;
}

std::variant<const std::vector<JsonMember>*, Violation> JsonReader::read_object(std::string_view json) {
  if (!simdjson::validate_utf8(json.data(), json.size())) {
    return index::input_violation(ErrorCode::character_not_in_repertoire, {}, "the line is not valid UTF-8");
  }
  if (const auto finding = index::inspect_json(json, kDepthMax, spans_); !finding.is_valid) {
    return malformed("the line is not valid JSON: " + std::string(finding.problem) + " at byte " +
                     std::to_string(finding.error_offset + 1));
  }
  if (const auto first = json.find_first_not_of(" \t\r\n"); json[first] != '{') {
    return malformed("the line is not a JSON object");
  }

  bool may_repeat = false;
  const bool are_read = read_members(json.size(), may_repeat);
  if (const JsonMember* repeated = may_repeat ? first_repeated() : nullptr)
    return malformed("the name " + engine::shown(repeated->name) + " occurs twice");
  if (!are_read)
    return malformed(std::string("the line cannot be read as JSON: ") +
                     simdjson::error_message(simdjson::STRING_ERROR));
  return &members_;
}

// The members of the spans, up to one whose name is no text; then false.
bool JsonReader::read_members(std::size_t bytes, bool& may_repeat) {
  resolved_.clear();
  resolved_.reserve(bytes);
  members_.clear();
  SeenNames seen;
  for (const JsonMemberSpan& span : spans_) {
    JsonMember member{.name = inside(span.name)};
    if (span.name_has_escapes && !resolve(span.name, member.name)) return false;
    member.kind = kind_of(span.value);
    member.raw = span.value;
    member.text = member.kind == JsonMember::Kind::string ? inside(span.value) : span.value;
    if (member.kind == JsonMember::Kind::string && span.value_has_escapes)
      member.is_text = resolve(span.value, member.text);
    may_repeat = may_repeat || seen.may_contain(member.name);
    seen.add(member.name);
    members_.push_back(member);
  }
  return true;
}

// The first member whose name an earlier one has. Sorts, so that no names, however many and however chosen, make it slow.
const JsonMember* JsonReader::first_repeated() {
  by_name_.clear();
  for (const JsonMember& member : members_) by_name_.push_back(&member);
  std::sort(by_name_.begin(), by_name_.end(), [](const JsonMember* a, const JsonMember* b) {
    return a->name != b->name ? a->name < b->name : a < b;
  });
  const JsonMember* first = nullptr;
  for (std::size_t i = 1; i < by_name_.size(); ++i) {
    const JsonMember* const member = by_name_[i];
    if (member->name == by_name_[i - 1]->name && (first == nullptr || member < first)) first = member;
  }
  return first;
}

const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view name) {
  for (const JsonMember& member : members) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

}  // namespace piecemark::text
