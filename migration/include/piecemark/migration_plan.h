#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace piecemark {

// What a migration would do.
struct MigrationPlan {
  struct Table {
    std::string name;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  // in the file
    bool is_index = false;
    bool is_rewritten = false;
  };

  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::vector<std::string> steps;  // in the order in which they are taken
  std::vector<Table> tables;       // those that hold something

  // A downgrade sets these aside: they leave the tables and wait in the stash.
  std::uint64_t stashed_rows = 0;
  std::uint64_t stashed_identifiers = 0;
  // An upgrade brings these back from the stash...
  std::uint64_t returned_rows = 0;
  std::uint64_t returned_identifiers = 0;
  std::uint64_t left_over = 0;  // ...and cannot bring these.

  // In place, the file grows by up to this much: old and new stand side by side until the commit.
  std::uint64_t bytes_needed = 0;
  std::uint64_t bytes_free = 0;  // on the disk of the file
  std::uint64_t copy_bytes = 0;  // about the size of the new file in copy mode
  // About how long it takes, going by a sample of the rows that was read and rewritten in memory.
  std::int64_t expected_us = 0;

  // A downgrade that is not allowed to set things aside would be refused.
  bool would_lose() const { return stashed_rows + stashed_identifiers > 0; }
  bool has_room() const { return bytes_needed <= bytes_free; }
};

}  // namespace piecemark
