// Runs of plain bytes, eight at a time: what most text consists of, and what needs no closer look.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace piecemark::index {

// Eight bytes as one little-endian word. A flag of a byte is its highest bit.
namespace word {

inline constexpr std::uint64_t kOnes = 0x0101010101010101;
inline constexpr std::uint64_t kFlags = 0x8080808080808080;

inline std::uint64_t load(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}
// Flags the bytes below the limit, which is at most 128. Right up to the first flag, not behind it.
constexpr std::uint64_t below(std::uint64_t word, std::uint8_t limit) {
  return (word - kOnes * limit) & ~word & kFlags;
}
constexpr std::uint64_t equal(std::uint64_t word, char byte) {
  // `byte` is ASCII, so that the highest bits stay what they are.
  return ((word ^ (kOnes * static_cast<unsigned char>(byte))) - kOnes) & ~word & kFlags;
}
inline std::size_t first_flag(std::uint64_t flags) {
  return static_cast<std::size_t>(std::countr_zero(flags)) / 8;
}

}  // namespace word

// The first byte from `at` on that means something within a string of JSON: a quote, a backslash or a control
// character; `end` if there is none.
inline const char* end_of_plain(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    const std::uint64_t bytes = word::load(at);
    const std::uint64_t flags = word::below(bytes, 0x20) | word::equal(bytes, '"') | word::equal(bytes, '\\');
    if (flags != 0) return at + word::first_flag(flags);
  }
  while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != '"' && *at != '\\') ++at;
  return at;
}

// The first of the wanted bytes, all ASCII, from `at` on; `end` if there is none.
template <class... Chars>
const char* find_any(const char* at, const char* end, Chars... wanted) {
  for (; end - at >= 8; at += 8) {
    const std::uint64_t bytes = word::load(at);
    const std::uint64_t flags = (word::equal(bytes, wanted) | ...);
    if (flags != 0) return at + word::first_flag(flags);
  }
  while (at != end && ((*at != wanted) && ...)) ++at;
  return at;
}

// Whether the text is ASCII without U+0000, which is also valid UTF-8.
inline bool is_plain_ascii(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; end - at >= 8; at += 8) {
    const std::uint64_t bytes = word::load(at);
    if (((bytes & word::kFlags) | word::below(bytes, 1)) != 0) return false;
  }
  for (; at != end; ++at) {
    if (static_cast<signed char>(*at) <= 0) return false;
  }
  return true;
}

}  // namespace piecemark::index
