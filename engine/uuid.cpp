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

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
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
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') text = text.substr(1, text.size() - 2);
  Uuid id;
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < id.bytes.size(); ++byte) {
    if (byte > 0 && byte % 2 == 0 && at < text.size() && text[at] == '-') ++at;
    if (at + 2 > text.size()) return std::nullopt;
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[byte] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return at == text.size() ? std::optional(id) : std::nullopt;
}

std::string Uuid::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) text += '-';
    text += kDigits[bytes[byte] >> 4];
    text += kDigits[bytes[byte] & 0x0FU];
  }
  return text;
}

}  // namespace piecemark
