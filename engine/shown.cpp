#include "shown.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace piecemark::engine {
namespace {

constexpr std::size_t kShownMax = 40;

std::size_t size_by_first_byte(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

// The character that the text begins with; empty where that is none.
std::string_view first_character(std::string_view text) {
  const auto character = text.substr(0, size_by_first_byte(static_cast<unsigned char>(text.front())));
  return simdjson::validate_utf8(character.data(), character.size()) ? character : std::string_view();
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  const bool is_later_control =
      character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
  const bool is_mark = character == "\u061C" || character == "\u200E" || character == "\u200F" ||
                       character == "\u2028" || character == "\u2029";
  return is_later_control || is_mark || (character >= "\u202A" && character <= "\u202E") ||
         (character >= "\u2066" && character <= "\u2069");
}

// Of one of up to three bytes.
unsigned code_point_of(std::string_view character) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(character[i]));
  };
  if (character.size() == 1) return byte(0);
  if (character.size() == 2) return (byte(0) & 0x1FU) << 6 | (byte(1) & 0x3FU);
  return (byte(0) & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
}

void append_escaped(std::string& to, std::string_view bytes) {
  for (const char byte : bytes) {
    std::array<char, 5> text{};
    std::snprintf(text.data(), text.size(), "\\x%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(byte)));
    to += text.data();
  }
}

}  // namespace

std::string escaped(std::string_view text, Escape what) {
  std::string result;
  while (!text.empty()) {
    const std::string_view character = first_character(text);
    const bool is_shown = !character.empty() && (what == Escape::no_text || !is_control(character) ||
                                                 (what == Escape::controls_but_lines && character == "\n"));
    const std::string_view taken = character.empty() ? text.substr(0, 1) : character;
    if (is_shown) {
      result += taken;
    } else {
      append_escaped(result, taken);
    }
    text.remove_prefix(taken.size());
  }
  return result;
}

std::string json_for_terminal(std::string_view json) {
  std::string result;
  while (!json.empty()) {
    const std::string_view character = first_character(json);
    const std::string_view taken = character.empty() ? json.substr(0, 1) : character;
    if (!character.empty() && is_control(character)) {
      std::array<char, 7> text{};
      std::snprintf(text.data(), text.size(), "\\u%04x", code_point_of(character));
      result += text.data();
    } else {
      result += taken;
    }
    json.remove_prefix(taken.size());
  }
  return result;
}

std::string shown(std::string_view text) {
  std::string_view rest = text;
  for (std::size_t characters = 0; characters < kShownMax && !rest.empty(); ++characters)
    rest.remove_prefix(std::max<std::size_t>(first_character(rest).size(), 1));
  return '"' + escaped(text.substr(0, text.size() - rest.size())) + (rest.empty() ? "\"" : "...\"");
}

}  // namespace piecemark::engine
