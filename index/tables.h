// The tables of a file. Tables whose encoding depends on the format carry the number of the format that
// brought it, so that a migration reads one and writes the other; those of other formats are empty.
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
};

inline constexpr std::array<std::string_view, 8> kTables{
    "meta", "drawings", "components.1", "unique.1", "components.2", "unique.2", "stash", "history",
};

inline engine::Table table(const engine::Environment& environment, TableId id) {
  return environment.table(static_cast<std::size_t>(id));
}

}  // namespace piecemark::index
