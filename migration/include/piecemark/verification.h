#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace piecemark {

// What a complete reading of a file found.
struct Verification {
  std::uint64_t drawings = 0;
  std::uint64_t components = 0;
  std::uint64_t stash_entries = 0;
  std::uint64_t receipts = 0;
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  // the first 1,000

  bool is_clean() const { return problem_count == 0; }
};

}  // namespace piecemark
