#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "tally.h"

namespace piecemark::bench {

enum class IdOrder : std::uint8_t {
  time_ordered,  // UUIDv7, ascending in the order of the rows: what the store generates
  random,        // UUIDv4
};

using ComponentRefs = std::span<const Component* const>;

// What goes into a store in one transaction.
struct Rows {
  std::span<const Drawing> drawings{};
  ComponentRefs components{};
};

// Borrows from the components.
std::vector<const Component*> refs_to(const std::vector<Component>& components);

// A row to look for, and what reading it must give.
struct RowQuery {
  Uuid id;
  Uuid drawing_id;
  std::string piece_mark;
  std::optional<std::string> instance_identifier;
  Tally expected;
};

// A mark whose instances to read, and what reading them must give.
struct MarkQuery {
  Uuid drawing_id;
  std::string piece_mark;
  Tally expected;
};

// A drawing to read, and what reading all its components must give.
struct DrawingQuery {
  Uuid id;
  Tally expected;
};

// A drawing with all that is on it.
struct FullDrawing {
  Drawing drawing;
  std::vector<Component> components;
};

// A row, and what a review makes of it: another status, confidence and time of update.
struct Review {
  const Component* before = nullptr;
  Component after;
};

// Makes the rows of Workload(components, id_order) drawing by drawing, in the same order, and hands each
// drawing over with its components.
//
// Memory  one drawing's components, and 80 bytes for each drawing
void for_each_drawing(std::uint64_t components, IdOrder id_order,
                      const std::function<void(const Drawing&, std::vector<Component>)>& take);

// The component as the old schema can hold it: the instance becomes part of the mark ("G1" and "7" give
// "G1#7"), which is unique on its drawing then. Rows keep their order: '#' sorts before every digit.
Component in_old_schema(Component component);

// Drawings and components in the shape of real ones, and the questions to ask about them. The same number of
// components always gives the same workload.
//
// The shape is that of 12,972 components from 138 real drawings: 88 % of the rows are instances of a repeated
// mark, up to 332 of one mark on a drawing; the others have no instance identifier. Drawings have 2 to 4,000
// components, evenly spread over the logarithm, which makes about 530 on average. A material has 72 % of the
// rows, a location 98 %, a bounding box 62 %, a creation time 99 %, an update time 8 %, a confidence 0.5 %.
//
// Memory  about 600 bytes a component.
class Workload {
 public:
  Workload(std::uint64_t components, IdOrder id_order);
  Workload(Workload&&) = default;

  // The same rows as the old schema can hold them: in_old_schema() of each.
  Workload in_old_schema() const;

  // In the order of their ids.
  const std::vector<Drawing>& drawings() const { return drawings_; }
  // In key order: drawing_id, piece_mark, instance_identifier.
  const std::vector<Component>& components() const { return components_; }
  // Everything, the components in key order or in the same random order each time. Borrows from the workload.
  Rows rows() const { return {drawings_, refs_}; }
  std::vector<const Component*> in_random_order() const;
  // Of all components.
  const Tally& total() const { return total_; }
  // Of what a downgrade leaves in the table: one row of each drawing and mark, without its instance.
  Tally total_without_instances() const;

  // Rows picked at random.
  const std::vector<RowQuery>& row_queries() const { return row_queries_; }
  // Rows that are not there: every second one lacks only the instance, the others the mark too.
  const std::vector<RowQuery>& absent_queries() const { return absent_queries_; }
  // Repeated marks picked at random, with about 9 instances on average.
  const std::vector<MarkQuery>& mark_queries() const { return mark_queries_; }
  // All drawings, in random order.
  const std::vector<DrawingQuery>& drawing_queries() const { return drawing_queries_; }

  // New rows for drawings picked at random, which fit beside those of components().
  std::vector<Component> additions(std::uint64_t count) const;
  // New drawings with so many components each.
  std::vector<FullDrawing> new_drawings(std::uint64_t count, std::uint64_t components) const;
  // Rows picked at random, none of them twice unless there are fewer. Borrows from the workload.
  std::vector<Review> reviews(std::uint64_t count) const;
  // A copy of the drawing whose number of components comes closest to this one.
  FullDrawing drawing_of_about(std::uint64_t components) const;

 private:
  Workload(IdOrder id_order, std::vector<Drawing> drawings, std::vector<Component> components);
  void add_row_queries();
  void add_range_queries();

  IdOrder id_order_;
  std::vector<Drawing> drawings_;
  std::vector<Component> components_;
  std::vector<const Component*> refs_;
  Tally total_;
  std::vector<RowQuery> row_queries_;
  std::vector<RowQuery> absent_queries_;
  std::vector<MarkQuery> mark_queries_;
  std::vector<DrawingQuery> drawing_queries_;
};

}  // namespace piecemark::bench
