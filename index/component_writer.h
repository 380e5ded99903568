// Changes to `components` and `drawings` within one write transaction, with everything that the DDL says: a row is
// checked by itself, then against the others, then stored. Knows constraints and drawings, and nothing about how bytes
// lie.
//
// A refused row changes nothing, and neither does a call that throws, unless it breaks the transaction. Errors come in
// PostgreSQL's order: input, NOT NULL, CHECK, the unique constraints (id, then key), the drawing.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "components.h"
#include "constraints.h"
#include "piecemark/upsert.h"

namespace piecemark::index {

// Lifetime  ends before its transaction, and before what it was made from.
class ComponentWriter {
 public:
  ComponentWriter(const Components& components, engine::WriteTransaction& transaction)
      : components_(components),
        transaction_(transaction),
        rows_(components.layout().writer(transaction)),
        statements_(transaction) {}

  Verdict insert(IncomingRow incoming);

  // Columns left out take the defaults of the DDL; now() is `now`.
  std::variant<Upserted, Violation> upsert(const ComponentColumns& columns, OnConflict on_conflict,
                                           Timestamp now);

  // False if there is no such row. updated_at becomes `now` unless it is given.
  std::variant<bool, Violation> update(const Uuid& id, const ComponentColumns& changes, Timestamp now);

  bool erase(const Uuid& id);

  Verdict insert_drawing(const Drawing& drawing);
  // Sets the given columns. False if there is no such drawing. The id stays while the drawing has components.
  std::variant<bool, Violation> update_drawing(const Uuid& id, const DrawingColumns& changes);
  // Deletes the drawing and its components. False if there is no such drawing.
  bool erase_drawing(const Uuid& id);

  // Comes before anything else is read through the transaction, and before its commit.
  // Errors  After one the transaction is broken.
  void flush() { rows_->flush(); }
  // Whether any call has changed anything.
  bool has_changes() const { return has_changes_; }

 private:
  // What is stored, after a flush.
  std::optional<ComponentRow> get(const Uuid& id);
  Violation violation_of(const Conflict& conflict, const ComponentRow& row) const;
  Verdict check_drawing(const ComponentRow& row);
  bool has_components(const Uuid& drawing);

  const Format& format() const { return components_.format(); }

  const Components& components_;
  engine::WriteTransaction& transaction_;
  std::unique_ptr<LayoutWriter> rows_;
  engine::Statements statements_;
  bool has_changes_ = false;
  std::optional<Uuid> last_drawing_found_;
};

}  // namespace piecemark::index
