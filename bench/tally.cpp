#include "tally.h"

#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

namespace piecemark::bench {
namespace {

// Digits of pi.
constexpr std::uint64_t kLeft = 0x243F6A8885A308D3;
constexpr std::uint64_t kNull = 0xA4093822299F31D0;
constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;

// Mixes two words by the halves of their 128-bit product.
constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  __extension__ using Product = unsigned __int128;
  const Product product = Product{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// A column's own odd number. Its product with a word changes whenever the word does.
constexpr std::uint64_t key_of(Column column) {
  return mixed(static_cast<std::uint64_t>(column) * kStep, kNull) | 1;
}

template <class Word>
std::uint64_t load(const char* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Up to 24 bytes count in full; of longer texts the size and the first, the last and the middle eight.
// Rotations tell the parts apart. Inline, so that the
// processor predicts the sizes of each column by themselves.
[[gnu::always_inline]] inline std::uint64_t word_of(std::string_view text) {
  const std::size_t size = text.size();
  const char* const first = text.data();
  const char* const end = first + size;
  std::uint64_t word = std::rotl(std::uint64_t{size}, 56);
  if (size >= 8) {
    word += load<std::uint64_t>(first) ^ std::rotl(load<std::uint64_t>(end - 8), 21);
    word ^= std::rotl(load<std::uint64_t>(first + size / 2 - 4), 43);
  } else if (size >= 4) {
    word += load<std::uint32_t>(first) | load<std::uint32_t>(end - 4) << 32;
  } else if (size > 0) {
    word += load<std::uint8_t>(first) | load<std::uint8_t>(first + size / 2) << 8 |
            load<std::uint8_t>(end - 1) << 16;
  }
  return word;
}

std::uint64_t word_of(std::int32_t number) {
  return static_cast<std::uint64_t>(number);
}
// The sign and the exponent go to the middle: a product loses what lies at the top of two swapped numbers.
std::uint64_t word_of(double number) {
  return std::rotl(std::bit_cast<std::uint64_t>(number), 32);
}
std::uint64_t word_of(Timestamp time) {
  return static_cast<std::uint64_t>(time.microseconds);
}
std::uint64_t word_of(const Uuid& id) {
  const auto [high, low] = std::bit_cast<std::array<std::uint64_t, 2>>(id.bytes);
  return high ^ std::rotl(low, 31);
}
template <class T>
std::uint64_t word_of(const std::optional<T>& value) {
  return value ? word_of(*value) : kNull;
}

}  // namespace

void Tally::add(const ComponentRow& row) {
  std::uint64_t sum = 0;
  for_each_column(row, [&](Column column, const auto& value) { sum += word_of(value) * key_of(column); });
  ++rows;
  checksum += mixed(sum ^ kLeft, kStep);  // Ties the fields of a row together.
}

std::string Tally::to_string() const {
  return std::to_string(rows) + " rows with checksum " + std::to_string(checksum);
}

}  // namespace piecemark::bench
