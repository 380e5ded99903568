// The binary form of values in PostgreSQL's protocol.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "piecemark/component.h"

namespace piecemark::bench {

inline constexpr std::int64_t kPostgresEpoch = 946'684'800'000'000;  // 2000-01-01 in microseconds since 1970

// Values as PostgreSQL sends and takes them: big-endian.
template <class Word>
Word big_endian(Word word) {
  static_assert(std::endian::native == std::endian::little);
  auto bytes = std::bit_cast<std::array<char, sizeof(Word)>>(word);
  std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<Word>(bytes);
}
template <class Word>
Word load_word(const char* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return big_endian(word);
}
template <class Word>
void append_word(std::string& bytes, Word word) {
  word = big_endian(word);
  bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
}

inline void append(std::string& bytes, std::string_view text) {
  bytes.append(text);
}
inline void append(std::string& bytes, const Uuid& id) {
  bytes.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}
inline void append(std::string& bytes, std::int32_t number) {
  append_word(bytes, number);
}
inline void append(std::string& bytes, double number) {
  append_word(bytes, std::bit_cast<std::uint64_t>(number));
}
inline void append(std::string& bytes, Timestamp time) {
  append_word(bytes, time.microseconds - kPostgresEpoch);
}

inline void load(std::string_view& text, const char* bytes, int size) {
  text = {bytes, static_cast<std::size_t>(size)};
}
inline void load(Uuid& id, const char* bytes, int) {
  std::memcpy(id.bytes.data(), bytes, id.bytes.size());
}
inline void load(std::int32_t& number, const char* bytes, int) {
  number = load_word<std::int32_t>(bytes);
}
inline void load(double& number, const char* bytes, int) {
  number = std::bit_cast<double>(load_word<std::uint64_t>(bytes));
}
inline void load(Timestamp& time, const char* bytes, int) {
  time.microseconds = load_word<std::int64_t>(bytes) + kPostgresEpoch;
}

// With its size in front, as in a row of COPY.
template <class Value>
void append_field(std::string& bytes, const Value& value) {
  if constexpr (requires { value.has_value(); }) {
    if (value) {
      append_field(bytes, *value);
    } else {
      append_word(bytes, std::int32_t{-1});
    }
  } else {
    const std::size_t start = bytes.size();
    append_word(bytes, std::int32_t{0});
    append(bytes, value);
    const auto size = big_endian(static_cast<std::int32_t>(bytes.size() - start - sizeof(std::int32_t)));
    std::memcpy(bytes.data() + start, &size, sizeof size);
  }
}

}  // namespace piecemark::bench
