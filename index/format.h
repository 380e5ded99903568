// The formats that this library knows: what a row has in each, what keeps rows unique, and where they lie.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/stamp.h"
#include "piecemark/column.h"
#include "tables.h"

namespace piecemark::index {

enum class LayoutKind : std::uint8_t { ordered, packed };

struct Format {
  std::uint32_t number;
  std::string_view summary;
  ColumnSet columns;
  std::string_view unique_constraint;
  unsigned class_version;  // of components where they lie as records: in the stash, or in `rows`
  LayoutKind layout;
  TableId rows;
  TableId index;

  bool has(Column column) const { return columns.contains(column); }
};

inline constexpr std::uint32_t kLiveFormat = 3;

// In ascending order of their numbers, which are 1, 2, ...
std::span<const Format> formats();
// nullptr for a number that this library does not know.
const Format* format_numbered(std::uint32_t number);
// "formats 1 to 2", for messages.
std::string known_formats();

}  // namespace piecemark::index
