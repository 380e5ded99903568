#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "piecemark/export.h"

namespace piecemark {

// A 128-bit identifier in RFC 9562 byte order; comparing two compares their bytes, as PostgreSQL does.
struct PIECEMARK_API Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // A new UUIDv7. Ids made by one thread ascend; ids of one process never repeat, also across fork.
  // Threads  safe.  Cost  about 50 ns.
  static Uuid generate();

  // Accepts what PostgreSQL accepts: 32 hexadecimal digits of either case, hyphens allowed after every
  // fourth digit, braces around the whole. Anything else is nullopt.
  static std::optional<Uuid> parse(std::string_view text);

  // 36 characters, lower case.
  std::string to_string() const;
  // Writes them without a string; there must be room. Returns their end.
  static constexpr std::size_t kTextSize = 36;
  char* write_text(char* to) const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace piecemark

template <>
struct std::hash<piecemark::Uuid> {
  // Version 4 and 7 ids both end in random bits, so the tail alone spreads well.
  std::size_t operator()(const piecemark::Uuid& id) const noexcept {
    std::uint64_t tail = 0;
    std::memcpy(&tail, id.bytes.data() + 8, sizeof tail);
    return static_cast<std::size_t>(tail * 0x9E3779B97F4A7C15ULL);
  }
};
