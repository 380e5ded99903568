#pragma once

#include <cstdint>

namespace piecemark {

// A process that keeps reading an old snapshot. Pages that commits have freed since then cannot be used again until it
// ends its transaction: the file grows instead.
struct LongReader {
  std::uint64_t process_id = 0;
  // For how long there has been a newer commit. Never too much; too little by a second and by half of the rest at most.
  std::uint64_t age_ms = 0;
  std::uint64_t pinned_bytes = 0;
};

}  // namespace piecemark
