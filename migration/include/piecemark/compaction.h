#pragma once

#include <cstdint>

namespace piecemark {

// What a compaction came to.
struct Compaction {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
};

}  // namespace piecemark
