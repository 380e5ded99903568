#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "piecemark/export.h"

namespace piecemark {

struct PIECEMARK_API Version {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::uint16_t patch = 0;

  std::string to_string() const;
  friend auto operator<=>(const Version&, const Version&) = default;
};

// The version of this library.
inline constexpr Version kVersion{0, 1, 0};

}  // namespace piecemark
