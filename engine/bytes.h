// Borrowed bytes, and little-endian integers in them.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace piecemark::engine {

static_assert(std::endian::native == std::endian::little,
              "Files are little-endian; big-endian machines are not supported.");
static_assert(sizeof(void*) == 8, "The file is mapped as a whole; 32-bit machines are not supported.");

// A run of bytes owned by someone else.
using Bytes = std::string_view;

template <std::integral T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);  // The map is only 2-byte aligned.
  return value;
}

template <std::integral T>
void store(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <std::integral T>
void append(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Numbers in keys, where byte order must be their order.
inline void append_big_endian(std::string& to, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(number >> shift);
}
inline std::uint32_t load_big_endian(Bytes from) {
  std::uint32_t number = 0;
  for (const char c : from.substr(0, sizeof number)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

// Hexadecimal digits, for messages about keys.
inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 0x0FU];
  }
  return text;
}

}  // namespace piecemark::engine
