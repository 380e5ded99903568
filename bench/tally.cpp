#include "tally.h"

#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

namespace piecemark::bench {
namespace {

// Digits of pi.
constexpr std::uint64_t kLeft = 0x243F6A8885A308D3;
constexpr std::uint64_t kRight = 0x13198A2E03707344;
constexpr std::uint64_t kNull = 0xA4093822299F31D0;
constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;

// Mixes two words by the halves of their 128-bit product.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  __extension__ using Product = unsigned __int128;
  const Product product = Product{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const void* bytes, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

// The products are independent of each other, which lets the processor overlap them.
std::uint64_t hash(std::uint64_t key, std::string_view text) {
  std::uint64_t sum = mixed(text.size() ^ kLeft, key);
  const auto add = [&](std::uint64_t first, std::uint64_t second) {
    key += kStep;
    sum += mixed(first ^ key, second ^ kRight);
  };
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left > 16; at += 16, left -= 16) add(load(at, 8), load(at + 8, 8));
  if (left >= 8) {
    add(load(at, 8), load(at + left - 8, 8));
  } else if (left >= 4) {
    add(load(at, 4), load(at + left - 4, 4));
  } else if (left > 0) {
    add(load(at, 1) << 8 | load(at + left / 2, 1), load(at + left - 1, 1));
  }
  return sum;
}

std::uint64_t hash(std::uint64_t key, std::uint64_t word) {
  return mixed(word ^ kLeft, key);
}
std::uint64_t hash(std::uint64_t key, std::int32_t number) {
  return hash(key, static_cast<std::uint64_t>(number));
}
std::uint64_t hash(std::uint64_t key, double number) {
  return hash(key, std::bit_cast<std::uint64_t>(number));
}
std::uint64_t hash(std::uint64_t key, Timestamp time) {
  return hash(key, static_cast<std::uint64_t>(time.microseconds));
}
std::uint64_t hash(std::uint64_t key, const Uuid& id) {
  return mixed(load(id.bytes.data(), 8) ^ key, load(id.bytes.data() + 8, 8) ^ kRight);
}
template <class T>
std::uint64_t hash(std::uint64_t key, const std::optional<T>& value) {
  return value ? hash(key, *value) : mixed(kNull, key);
}

}  // namespace

void Tally::add(const ComponentRow& row) {
  std::uint64_t sum = 0;
  for_each_column(row, [&](Column column, const auto& value) {
    sum += hash((static_cast<std::uint64_t>(column) << 32 | 1) * kStep, value);
  });
  ++rows;
  checksum += mixed(sum ^ kLeft, kStep);  // Ties the fields of a row together.
}

std::string Tally::to_string() const {
  return std::to_string(rows) + " rows with checksum " + std::to_string(checksum);
}

}  // namespace piecemark::bench
