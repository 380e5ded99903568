#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "piecemark/column.h"
#include "piecemark/column_value.h"
#include "piecemark/export.h"
#include "piecemark/timestamp.h"
#include "piecemark/uuid.h"

namespace piecemark {

// A row of `components`. The initialisers are the defaults of the DDL: a column left out takes its default,
// std::nullopt stores NULL.
struct Component {
  Uuid id = Uuid::generate();
  std::optional<Uuid> drawing_id{};
  std::string piece_mark{};                        // at most 50 code points
  std::optional<std::string> instance_identifier;  // at most 10 code points
  std::optional<std::string> component_type;       // at most 50 code points
  std::optional<std::int32_t> quantity = 1;
  std::optional<std::string> material_type;  // at most 100 code points
  std::optional<double> location_x;          // in the unit of the drawing
  std::optional<double> location_y;
  std::optional<std::string> bounding_box;               // JSON text; blanks between tokens are not kept
  std::optional<double> confidence_score;                // 0 to 1
  std::optional<std::string> review_status = "pending";  // at most 20 code points
  std::optional<Timestamp> created_at = Timestamp::now();
  std::optional<Timestamp> updated_at = created_at;

  friend bool operator==(const Component&, const Component&) = default;
};

// The columns of one component, borrowed from whoever holds the bytes.
struct ComponentRow {
  Uuid id;
  std::optional<Uuid> drawing_id;
  std::string_view piece_mark;
  std::optional<std::string_view> instance_identifier;
  std::optional<std::string_view> component_type;
  std::optional<std::int32_t> quantity;
  std::optional<std::string_view> material_type;
  std::optional<double> location_x;
  std::optional<double> location_y;
  std::optional<std::string_view> bounding_box;
  std::optional<double> confidence_score;
  std::optional<std::string_view> review_status;
  std::optional<Timestamp> created_at;
  std::optional<Timestamp> updated_at;
};

// Any subset of the columns of a component, for updates and for rows that come from outside.
struct ComponentColumns {
  ColumnValue<Uuid> id{};
  ColumnValue<Uuid> drawing_id{};
  ColumnValue<std::string> piece_mark{};
  ColumnValue<std::string> instance_identifier{};
  ColumnValue<std::string> component_type{};
  ColumnValue<std::int32_t> quantity{};
  ColumnValue<std::string> material_type{};
  ColumnValue<double> location_x{};
  ColumnValue<double> location_y{};
  ColumnValue<std::string> bounding_box{};
  ColumnValue<double> confidence_score{};
  ColumnValue<std::string> review_status{};
  ColumnValue<Timestamp> created_at{};
  ColumnValue<Timestamp> updated_at{};
};

// Calls visit(Column, member) for every column of a Component, ComponentRow or ComponentColumns, in DDL
// order.
template <class Columns, class Visitor>
constexpr void for_each_column(Columns&& columns, Visitor&& visit) {
  visit(Column::id, columns.id);
  visit(Column::drawing_id, columns.drawing_id);
  visit(Column::piece_mark, columns.piece_mark);
  visit(Column::instance_identifier, columns.instance_identifier);
  visit(Column::component_type, columns.component_type);
  visit(Column::quantity, columns.quantity);
  visit(Column::material_type, columns.material_type);
  visit(Column::location_x, columns.location_x);
  visit(Column::location_y, columns.location_y);
  visit(Column::bounding_box, columns.bounding_box);
  visit(Column::confidence_score, columns.confidence_score);
  visit(Column::review_status, columns.review_status);
  visit(Column::created_at, columns.created_at);
  visit(Column::updated_at, columns.updated_at);
}

// The columns of a component, borrowed: valid as long as the component is neither changed nor destroyed.
PIECEMARK_API ComponentRow row_of(const Component& component);
ComponentRow row_of(const Component&&) = delete;
PIECEMARK_API Component to_component(const ComponentRow& row);

// One component, read in place.
//
// Lifetime  Strings point into the memory map and end with the transaction that gave the view; copy with
//           to_component() what must live longer.
// Threads   A value: copy it freely within the life of its transaction.
class ComponentView {
 public:
  explicit ComponentView(const ComponentRow& row) : row_(row) {}

  const Uuid& id() const { return row_.id; }
  const std::optional<Uuid>& drawing_id() const { return row_.drawing_id; }
  std::string_view piece_mark() const { return row_.piece_mark; }
  std::optional<std::string_view> instance_identifier() const { return row_.instance_identifier; }
  std::optional<std::string_view> component_type() const { return row_.component_type; }
  std::optional<std::int32_t> quantity() const { return row_.quantity; }
  std::optional<std::string_view> material_type() const { return row_.material_type; }
  std::optional<double> location_x() const { return row_.location_x; }
  std::optional<double> location_y() const { return row_.location_y; }
  std::optional<std::string_view> bounding_box() const { return row_.bounding_box; }
  std::optional<double> confidence_score() const { return row_.confidence_score; }
  std::optional<std::string_view> review_status() const { return row_.review_status; }
  std::optional<Timestamp> created_at() const { return row_.created_at; }
  std::optional<Timestamp> updated_at() const { return row_.updated_at; }

  const ComponentRow& row() const { return row_; }
  Component to_component() const { return piecemark::to_component(row_); }

 private:
  friend class ComponentRange;
  ComponentRow row_;
};

}  // namespace piecemark
