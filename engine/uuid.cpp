#include "piecemark/uuid.h"

#include "os.h"

namespace piecemark {
namespace {

// Random bytes in bulk: one system call serves many ids. A forked child starts over, or it would repeat the
// ids of its parent.
class RandomPool {
 public:
  std::uint64_t next() {
    const std::uint64_t generation = engine::os::fork_generation();
    if (used_ == words_.size() || generation != generation_) {
      engine::os::fill_random(std::as_writable_bytes(std::span(words_)));
      used_ = 0;
      generation_ = generation;
    }
    return words_[used_++];
  }

 private:
  std::array<std::uint64_t, 64> words_{};
  std::size_t used_ = 64;
  std::uint64_t generation_ = 0;
};

// RFC 9562, method 1: a 12-bit counter behind the millisecond keeps the ids of one thread in order. The clock
// that the ids show runs ahead of the real one where the counter is used up within a millisecond, and it
// never runs backwards.
struct Generator {
  std::uint64_t milliseconds = 0;
  std::uint32_t counter = 0;
  RandomPool random;
};

// The value of a hexadecimal digit of either case; kNoDigit for every other character.
constexpr std::uint8_t kNoDigit = 0xFF;
constexpr std::array<std::uint8_t, 256> kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) values['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) {
    const auto value = static_cast<std::uint8_t>(10 + i);
    values['a' + i] = value;
    values['A' + i] = value;
  }
  return values;
}();

std::uint8_t hex_value(char c) {
  return kHexValues[static_cast<unsigned char>(c)];
}

// Both digits of every byte.
constexpr std::array<std::array<char, 2>, 256> kHexDigits = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> digits{};
  for (std::size_t byte = 0; byte < digits.size(); ++byte) {
    digits[byte] = {kDigits[byte >> 4], kDigits[byte & 0x0FU]};
  }
  return digits;
}();

// Where the digits of each byte stand in the usual form, 8-4-4-4-12.
constexpr std::array<std::uint8_t, 16> kDigitsAt{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
constexpr std::array<std::uint8_t, 4> kHyphensAt{8, 13, 18, 23};

// Reads the usual form alone; most texts have it.
bool parse_usual(std::string_view text, Uuid& id) {
  if (text.size() != Uuid::kTextSize) return false;
  for (const std::uint8_t at : kHyphensAt) {
    if (text[at] != '-') return false;
  }
  unsigned seen = 0;
  for (std::size_t byte = 0; byte < id.bytes.size(); ++byte) {
    const unsigned high = hex_value(text[kDigitsAt[byte]]);
    const unsigned low = hex_value(text[kDigitsAt[byte] + 1U]);
    seen |= high | low;
    id.bytes[byte] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return seen < 16;
}

}  // namespace

Uuid Uuid::generate() {
  thread_local Generator generator;
  const auto now = static_cast<std::uint64_t>(engine::os::now_microseconds()) / 1000;
  const std::uint64_t tail = generator.random.next();
  constexpr std::uint32_t kCounterEnd = 1U << 12;
  if (now > generator.milliseconds) {
    generator.milliseconds = now;
    generator.counter = static_cast<std::uint32_t>(generator.random.next() % (kCounterEnd / 2));
  } else if (++generator.counter == kCounterEnd) {
    ++generator.milliseconds;
    generator.counter = 0;
  }

  Uuid id;
  for (unsigned i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(generator.milliseconds >> (40 - 8 * i));
  }
  id.bytes[6] = static_cast<std::uint8_t>(0x70U | (generator.counter >> 8));
  id.bytes[7] = static_cast<std::uint8_t>(generator.counter);
  std::memcpy(id.bytes.data() + 8, &tail, sizeof tail);
  id.bytes[8] = static_cast<std::uint8_t>(0x80U | (id.bytes[8] & 0x3FU));
  return id;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  Uuid id;
  if (parse_usual(text, id)) return id;
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') text = text.substr(1, text.size() - 2);
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < id.bytes.size(); ++byte) {
    if (byte > 0 && byte % 2 == 0 && at < text.size() && text[at] == '-') ++at;
    if (at + 2 > text.size()) return std::nullopt;
    const unsigned high = hex_value(text[at]);
    const unsigned low = hex_value(text[at + 1]);
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    id.bytes[byte] = static_cast<std::uint8_t>(high << 4 | low);
    at += 2;
  }
  return at == text.size() ? std::optional(id) : std::nullopt;
}

char* Uuid::write_text(char* to) const {
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    std::memcpy(to + kDigitsAt[byte], kHexDigits[bytes[byte]].data(), 2);
  }
  for (const std::uint8_t at : kHyphensAt) to[at] = '-';
  return to + kTextSize;
}

std::string Uuid::to_string() const {
  std::string text(kTextSize, '\0');
  write_text(text.data());
  return text;
}

}  // namespace piecemark
