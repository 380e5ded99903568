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

// Appends to a string without asking for room at every value: it asks for some ahead, and gives back at its end what
// it did not use.
class Appender {
 public:
  explicit Appender(std::string& to) : to_(to), size_(to.size()) { to_.resize(size_ + kAhead); }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() { to_.resize(size_); }

  template <std::integral T>
  void integer(T value) {
    store(room_for(sizeof value), value);
  }
  void bytes(Bytes bytes) { std::memcpy(room_for(bytes.size()), bytes.data(), bytes.size()); }
  Bytes written() const { return Bytes(to_).substr(0, size_); }

 private:
  static constexpr std::size_t kAhead = 512;

  char* room_for(std::size_t bytes) {
    if (to_.size() - size_ < bytes) to_.resize((size_ + bytes) * 2);
    char* at = to_.data() + size_;
    size_ += bytes;
    return at;
  }

  std::string& to_;
  std::size_t size_;
};

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
