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
  // Nothing was written since the last migration, and the content still has the fingerprint of its receipt.
  bool is_as_migrated = false;
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  // the first 1,000
  // What is out of order in the bookkeeping of past migrations, as a salvaged file may have it: content and indexes are not
  // touched by it. At most 1,000.
  std::vector<std::string> notes;

  bool is_clean() const { return problem_count == 0; }
};

}  // namespace piecemark
