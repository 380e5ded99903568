#include "json_text.h"

#include <bitset>

#include "text_scan.h"

namespace piecemark::index {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// One pass from left to right. Nesting is a stack of bits (object or array), so depth costs no recursion.
class Inspector {
 public:
  Inspector(std::string_view text, std::size_t depth_max, std::vector<JsonMemberSpan>* members)
      : begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        depth_max_(depth_max),
        members_(members) {}

  JsonFinding run() {
    skip_blanks();
    if (value()) {
      skip_blanks();
      if (at_ < end_) fail("something behind the value");
    }
    finding_.is_valid = finding_.problem.empty();
    return finding_;
  }

 private:
  bool fail(std::string_view problem) {
    if (finding_.problem.empty()) {
      finding_.problem = problem;
      finding_.error_offset = static_cast<std::size_t>(at_ - begin_);
    }
    return false;
  }

  char peek() const { return at_ < end_ ? *at_ : '\0'; }

  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  void skip_blanks() {
    for (; is_blank(peek()); ++at_) finding_.has_blanks = true;
  }

  // A value with all that is nested in it.
  bool value() {
    for (;;) {
      if (peek() == '{' || peek() == '[') {
        if (depth_ == depth_max_) return fail("nesting deeper than 1000");
        const bool is_object = *at_++ == '{';
        is_object_[depth_++] = is_object;
        skip_blanks();
        if (!take(is_object ? '}' : ']')) {
          if (is_object && !name()) return false;
          continue;
        }
        --depth_;
      } else if (!scalar()) {
        return false;
      }
      // Behind a value: close what ends here, then go on to the next member of what is left open.
      for (;;) {
        if (depth_ == 0) return true;
        if (depth_ == 1) end_member();
        skip_blanks();
        const bool in_object = is_object_[depth_ - 1];
        if (take(in_object ? '}' : ']')) {
          --depth_;
          continue;
        }
        if (!take(',')) return fail(in_object ? "expected , or }" : "expected , or ]");
        skip_blanks();
        if (in_object && !name()) return false;
        break;
      }
    }
  }

  bool name() {
    if (peek() != '"') return fail("expected a name in double quotes");
    const char* const start = at_;
    if (!string()) return false;
    const char* const end = at_;
    skip_blanks();
    if (!take(':')) return fail("expected :");
    skip_blanks();
    if (depth_ == 1 && members_ != nullptr) begin_member(start, end);
    return true;
  }

  // A member of the outermost object, from its name to its value; a value of an outermost array is none.
  void begin_member(const char* name_start, const char* name_end) {
    members_->push_back({.name = {name_start, name_end}, .name_has_escapes = has_escapes_});
    value_start_ = at_;
    has_escapes_ = false;
  }
  void end_member() {
    if (members_ == nullptr || members_->empty()) return;
    JsonMemberSpan& member = members_->back();
    member.value = {value_start_, at_};
    member.value_has_escapes = has_escapes_;
    has_escapes_ = false;
  }

  bool scalar() {
    switch (peek()) {
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool word(std::string_view expected) {
    if (!std::string_view(at_, end_).starts_with(expected)) return fail("expected a value");
    at_ += expected.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    const char* const start = at_;
    take('-');
    if (!take('0') && !digits()) {
      return fail(at_ == start ? "expected a value" : "expected a digit");
    }
    if (take('.') && !digits()) return fail("expected a digit");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return fail("expected a digit");
    }
    return true;
  }

  bool string() {
    ++at_;
    for (;;) {
      at_ = end_of_plain(at_, end_);
      if (at_ == end_) return fail("a string that does not end");
      if (static_cast<unsigned char>(*at_) < 0x20) return fail("a control character in a string");
      if (*at_++ == '"') return true;
      has_escapes_ = true;
      if (!escape()) return false;
    }
  }

  bool escape() {
    const char c = peek();
    if (c == 'u') {
      ++at_;
      for (int digit = 0; digit < 4; ++digit, ++at_) {
        if (!is_hex(peek())) return fail("expected four hexadecimal digits behind \\u");
      }
      return true;
    }
    if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos)
      return fail("an unknown escape");
    ++at_;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::bitset<kJsonDepthMax + 8> is_object_;
  JsonFinding finding_;

  std::vector<JsonMemberSpan>* members_;  // nullptr where nobody asks for them
  const char* value_start_ = nullptr;
  bool has_escapes_ = false;  // any string since the last name or value of the outermost object
};

}  // namespace

JsonFinding inspect_json(std::string_view text, std::size_t depth_max) {
  return Inspector(text, depth_max, nullptr).run();
}

JsonFinding inspect_json(std::string_view text, std::size_t depth_max, std::vector<JsonMemberSpan>& members) {
  members.clear();
  return Inspector(text, depth_max, &members).run();
}

std::string without_blanks(std::string_view json) {
  std::string compact;
  compact.reserve(json.size());
  bool in_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (in_string && c == '\\') {
      compact += c;
      compact += json[++at];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !is_blank(c)) compact += c;
  }
  return compact;
}

}  // namespace piecemark::index
