// The `components` table with everything that its DDL says: a row is checked by itself, then against the
// others, then stored. Knows constraints and drawings, and nothing about how bytes lie.
//
// A refused row changes nothing. Errors come in PostgreSQL's order: input, NOT NULL, CHECK, the unique
// constraints (id, then key), the drawing.
#pragma once

#include <memory>
#include <variant>

#include "constraints.h"
#include "drawings.h"
#include "format.h"
#include "layout.h"
#include "piecemark/upsert.h"

namespace piecemark::index {

class Components {
 public:
  // The layout of the format, on the tables of the environment.
  Components(const Format& format, bool nulls_not_distinct, const engine::Environment& environment);

  const Format& format() const { return *format_; }
  bool nulls_not_distinct() const { return nulls_not_distinct_; }
  const Layout& layout() const { return *layout_; }
  const Drawings& drawings() const { return drawings_; }

  Verdict insert(engine::WriteTransaction& transaction, IncomingRow incoming) const;

  // Columns left out take the defaults of the DDL; now() is `now`.
  std::variant<Upserted, Violation> upsert(engine::WriteTransaction& transaction,
                                           const ComponentColumns& columns, OnConflict on_conflict,
                                           Timestamp now) const;

  // False if there is no such row. updated_at becomes `now` unless it is given.
  std::variant<bool, Violation> update(engine::WriteTransaction& transaction, const Uuid& id,
                                       const ComponentColumns& changes, Timestamp now) const;

  bool erase(engine::WriteTransaction& transaction, const Uuid& id) const;

  // The smallest positive number, in decimal digits, that no instance of the mark has.  Cost  a visit to each
  // of them.
  std::string next_instance_identifier(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                       std::string_view piece_mark) const;

  Verdict insert_drawing(engine::WriteTransaction& transaction, const Drawing& drawing) const;
  // Deletes the drawing and its components. False if there is no such drawing.
  bool erase_drawing(engine::WriteTransaction& transaction, const Uuid& id) const;

 private:
  Violation violation_of(const Conflict& conflict, const ComponentRow& row) const;
  Verdict check_drawing(const engine::WriteTransaction& transaction, const ComponentRow& row) const;

  const Format* format_;
  bool nulls_not_distinct_;
  std::unique_ptr<const Layout> layout_;
  Drawings drawings_;
};

}  // namespace piecemark::index
