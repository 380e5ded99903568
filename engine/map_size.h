// How large the map of a file may be.
#pragma once

#include <algorithm>
#include <cstdint>

namespace piecemark::engine {

inline constexpr std::uint64_t kMapSizeMin = std::uint64_t{1} << 20;
// Half of the address space that a process has. LMDB notes the size of the map in the file, where it never shrinks.
inline constexpr std::uint64_t kMapSizeMax = std::uint64_t{1} << 46;
// More than any process can map: what a file notes that is larger than this, is damage.
inline constexpr std::uint64_t kNotedMapSizeMax = std::uint64_t{1} << 48;

// The size for a map that is to have so many bytes: a multiple of every page size, within the bounds.
constexpr std::uint64_t usable_map_size(std::uint64_t wanted_bytes) {
  constexpr std::uint64_t kPageSizeMax = 65536;
  const std::uint64_t bytes = std::clamp(wanted_bytes, kMapSizeMin, kMapSizeMax);
  return (bytes + kPageSizeMax - 1) / kPageSizeMax * kPageSizeMax;
}

}  // namespace piecemark::engine
