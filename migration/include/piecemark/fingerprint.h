#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "piecemark/export.h"

namespace piecemark {

// What a table contains, as one number: the sum, modulo 2^128, of the XXH3_128 of the canonical bytes of each
// row. Two tables with the same rows have the same fingerprint in whatever order, layout and format they lie.
struct PIECEMARK_API Fingerprint {
  std::uint64_t rows = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  // 32 hexadecimal digits, the high half first.
  std::string to_string() const;

  Fingerprint& operator+=(const Fingerprint& other);
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// The content of a file.
struct ContentFingerprint {
  Fingerprint drawings;
  Fingerprint components;
  friend bool operator==(const ContentFingerprint&, const ContentFingerprint&) = default;
};

}  // namespace piecemark
