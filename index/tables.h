// The tables of a file. Tables whose encoding depends on the format carry the number of the format that
// brought it, so that a migration reads one and writes the other; those of other formats are empty. Files made by a
// library that did not know a format may lack its tables.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "engine/environment.h"

namespace piecemark::index {

enum class TableId : std::size_t {
  meta,
  drawings,
  components_1,
  unique_1,
  components_2,
  unique_2,
  stash,
  history,
  blocks_3,
  ids_3,
};

inline constexpr std::array<std::string_view, 10> kTables{
    "meta",     "drawings", "components.1", "unique.1", "components.2",
    "unique.2", "stash",    "history",      "blocks.3", "ids.3",
};

// The tables that every file has; those of formats that came later follow.
inline constexpr std::size_t kRequiredTables = 8;
// Where the engine keeps notes of its own.
inline constexpr auto kNotesTable = static_cast<std::size_t>(TableId::meta);

inline engine::Table table(const engine::Environment& environment, TableId id) {
  return environment.table(static_cast<std::size_t>(id));
}

}  // namespace piecemark::index
