// XXH3, inlined: a call would cost as much as the hash of a short text. For sources, not for headers: it is long.
#pragma once

#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): the library's name
#include <xxhash.h>

#include <cstdint>

#include "bytes.h"

namespace piecemark::engine {

inline std::uint64_t xxh3(Bytes bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace piecemark::engine
