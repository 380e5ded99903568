#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/fingerprint.h"
#include "piecemark/timestamp.h"

namespace piecemark {

// What a file holds for the proof of a migration. Every fact counts once, wherever it lies: in its table or
// in the stash. A migration moves facts and may neither lose, add nor change one.
struct Holdings {
  std::uint64_t rows_in_table = 0;
  std::uint64_t rows_in_stash = 0;
  Fingerprint drawings;
  Fingerprint components;  // rows in table and stash, over the columns that both formats have
  Fingerprint extras;      // values, in table and stash, of the columns that only one of the formats has

  // Equal content, however it is spread over table and stash.
  friend bool same_content(const Holdings& a, const Holdings& b) {
    return a.drawings == b.drawings && a.components == b.components && a.extras == b.extras;
  }
  friend bool operator==(const Holdings&, const Holdings&) = default;
};

// What a migration did; kept in the file.
struct Receipt {
  std::uint32_t number = 0;  // 1, 2, ... in the order of the runs
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::vector<std::string> steps;
  Holdings before;
  Holdings after;
  std::uint64_t stashed_rows = 0;
  std::uint64_t stashed_identifiers = 0;
  std::uint64_t returned_rows = 0;
  std::uint64_t returned_identifiers = 0;
  std::uint64_t left_over = 0;  // stash entries that could not return
  std::string library_version;
  Timestamp started_at;
  std::int64_t duration_us = 0;  // up to the commit

  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// Something the older format cannot hold.
struct SetAside {
  enum class What : std::uint8_t {
    identifier = 1,  // the row stays, its instance_identifier goes
    row = 2,         // the row goes
  };
  What what = What::row;
  std::uint32_t run = 0;  // number of the receipt
  std::string reason;     // why it goes, or why it could not return
  Component component;    // identifier: only id, drawing_id, piece_mark and instance_identifier are set
};

}  // namespace piecemark
