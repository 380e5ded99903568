#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace piecemark {

// The columns of `components`, in the order of the DDL. The numbers are part of the content fingerprint.
enum class Column : std::uint8_t {
  id = 1,
  drawing_id = 2,
  piece_mark = 3,
  instance_identifier = 4,
  component_type = 5,
  quantity = 6,
  material_type = 7,
  location_x = 8,
  location_y = 9,
  bounding_box = 10,
  confidence_score = 11,
  review_status = 12,
  created_at = 13,
  updated_at = 14,
};

struct ColumnInfo {
  Column column;
  std::string_view name;
  std::size_t max_code_points;  // the n of VARCHAR(n); 0 for columns without a limit of that kind
};

inline constexpr std::array<ColumnInfo, 14> kColumns{{
    {Column::id, "id", 0},
    {Column::drawing_id, "drawing_id", 0},
    {Column::piece_mark, "piece_mark", 50},
    {Column::instance_identifier, "instance_identifier", 10},
    {Column::component_type, "component_type", 50},
    {Column::quantity, "quantity", 0},
    {Column::material_type, "material_type", 100},
    {Column::location_x, "location_x", 0},
    {Column::location_y, "location_y", 0},
    {Column::bounding_box, "bounding_box", 0},
    {Column::confidence_score, "confidence_score", 0},
    {Column::review_status, "review_status", 20},
    {Column::created_at, "created_at", 0},
    {Column::updated_at, "updated_at", 0},
}};

constexpr const ColumnInfo& info_of(Column column) {
  return kColumns[static_cast<std::size_t>(column) - 1];
}

constexpr std::optional<Column> column_named(std::string_view name) {
  for (const ColumnInfo& info : kColumns) {
    if (info.name == name) return info.column;
  }
  return std::nullopt;
}

// A set of columns.
class ColumnSet {
 public:
  static constexpr ColumnSet all() {
    ColumnSet set;
    for (const ColumnInfo& info : kColumns) set.add(info.column);
    return set;
  }
  constexpr void add(Column column) { bits_ |= bit(column); }
  constexpr void remove(Column column) { bits_ &= static_cast<std::uint16_t>(~bit(column)); }
  constexpr bool contains(Column column) const { return (bits_ & bit(column)) != 0; }
  constexpr ColumnSet intersection(ColumnSet other) const {
    ColumnSet set;
    set.bits_ = bits_ & other.bits_;
    return set;
  }
  friend constexpr bool operator==(ColumnSet, ColumnSet) = default;

 private:
  static constexpr std::uint16_t bit(Column column) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(column));
  }
  std::uint16_t bits_ = 0;
};

}  // namespace piecemark
