#include "json_text.h"

#include <bitset>

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
  Inspector(std::string_view text, std::size_t depth_max) : text_(text), depth_max_(depth_max) {}

  JsonFinding run() {
    skip_blanks();
    if (value()) {
      skip_blanks();
      if (at_ < text_.size()) fail("something behind the value");
    }
    finding_.is_valid = finding_.problem.empty();
    return finding_;
  }

 private:
  bool fail(std::string_view problem) {
    if (finding_.problem.empty()) {
      finding_.problem = problem;
      finding_.error_offset = at_;
    }
    return false;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
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
        const bool is_object = text_[at_++] == '{';
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
    if (!string()) return false;
    skip_blanks();
    if (!take(':')) return fail("expected :");
    skip_blanks();
    return true;
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
    if (text_.substr(at_, expected.size()) != expected) return fail("expected a value");
    at_ += expected.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) ++at_;
    return true;
  }

  bool number() {
    const std::size_t start = at_;
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
      if (at_ == text_.size()) return fail("a string that does not end");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
      ++at_;
      if (c == '"') return true;
      if (c == '\\' && !escape()) return false;
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

  std::string_view text_;
  std::size_t depth_max_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::bitset<kJsonDepthMax + 8> is_object_;
  JsonFinding finding_;
};

}  // namespace

JsonFinding inspect_json(std::string_view text, std::size_t depth_max) {
  return Inspector(text, depth_max).run();
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
