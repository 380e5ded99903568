#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/uuid.h"
#include "piecemark/work_progress.h"

namespace piecemark {

// Rows on pages that no tree of the file reaches: deleted rows and older versions lie there, and so does what a
// damaged tree has lost. Nobody can tell them apart where the list of free pages is damaged as well.
enum class StaleRows : std::uint8_t {
  where_lost,  // Takes those whose place in the table the tree has lost.
  never,
  always,  // Takes every row that the live tables do not have: deleted ones come back.
};

struct SalvageOptions {
  StaleRows stale_rows = StaleRows::where_lost;
  // Address space for the map of the new file, as in OpenOptions; more where the damaged file is large.
  std::uint64_t map_size_bytes = std::uint64_t{64} << 30;
  OnProgress on_progress = {};
};

// What was read from a damaged file, and what was not.
struct SalvageReport {
  enum class StampFound : std::uint8_t { live, stale, nowhere };

  struct Table {
    std::string name;
    std::optional<std::uint64_t> entries;  // that the file says it has; nullopt where that is lost
    std::uint64_t read = 0;                // of these: sound ones
    std::uint64_t stale = 0;               // that were taken from stale pages
  };
  struct Page {
    std::uint64_t number = 0;
    std::string reason;
  };
  // A row that has to stay out, because the one that came first has its key or id.
  struct Conflict {
    Uuid kept;
    Component left_out;
  };

  std::uint32_t format = 0;  // of the file as it seems, and of the new one
  StampFound stamp = StampFound::live;
  bool knows_last_commit =
      true;  // Else a meta page is damaged, and what the last commit wrote may be missing.

  // In the new file.
  std::uint64_t drawings = 0;
  std::uint64_t components = 0;
  std::uint64_t stash_entries = 0;
  std::uint64_t receipts = 0;

  std::vector<Table> tables;              // those that hold content
  std::vector<Page> pages;                // damaged ones, as far as trees lead to them
  std::vector<std::string> losses;        // entries and rows that fail their checksums
  std::vector<Uuid> lost_components;      // that the unique index has, and that were not found
  std::vector<Uuid> stale_components;     // that were taken from stale pages
  std::vector<Uuid> left_out_components;  // that were seen on stale pages only, and not taken
  std::vector<Uuid> recreated_drawings;   // that components have, but that were not found: without a name
  std::vector<Conflict> conflicts;

  // Everything that the last commit left was read.
  bool is_complete() const;
};

}  // namespace piecemark
