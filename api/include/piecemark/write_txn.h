#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "piecemark/component.h"
#include "piecemark/drawing.h"
#include "piecemark/error.h"
#include "piecemark/export.h"
#include "piecemark/upsert.h"

namespace piecemark {

struct WriteTxnState;

// The one write transaction of the store: all of it becomes visible and durable with commit(), or nothing.
//
// A call that throws leaves no trace, and the transaction goes on: a refused operation, damage that is met, no memory.
// Where that cannot be, the transaction is broken: rows that earlier calls have inserted could not be written, or LMDB
// failed in the middle of a change. Then every further call throws invalid_use, and so does commit(). Violations are
// ConstraintViolation, with PostgreSQL's codes, in PostgreSQL's order: errors of input, not_null_violation,
// check_violation, unique_violation (id, then key), foreign_key_violation.
//
// Lifetime  Reads give copies, which stay valid whatever is written next. Destroyed without commit(), the
//           transaction is rolled back.
// Threads   One at a time; it may move between threads, and end on any of them. Other writers, also in other processes,
//           wait until it ends; the thread that has used it last is refused at once with busy.
// Errors    disk_full ends the transaction: nothing of it was stored. After commit(), rollback() or a move every call
//           reports invalid_use.
class PIECEMARK_API WriteTxn {
 public:
  WriteTxn(WriteTxn&&) noexcept;
  WriteTxn& operator=(WriteTxn&&) noexcept;
  ~WriteTxn();

  // Inserts the component and returns its id.
  Uuid insert(const Component& component);
  // Inserts, or returns the unique_violation with the row in the way. Other violations are thrown.
  std::variant<Uuid, Violation> try_insert(const Component& component);
  // Inserts a row of which only some columns are given; the others take their defaults.
  Uuid insert_columns(const ComponentColumns& columns);
  Upserted upsert(const ComponentColumns& columns, OnConflict on_conflict);

  // Sets the given columns; updated_at becomes now unless it is given. False if there is no such component.
  bool update(const Uuid& id, const ComponentColumns& changes);
  // False if there is no such component.
  bool erase(const Uuid& id);

  Uuid insert_drawing(const Drawing& drawing);
  // Sets the given columns. False if there is no such drawing. The id stays while the drawing has components: else
  // foreign_key_violation.
  bool update_drawing(const Uuid& id, const DrawingColumns& changes);
  // Deletes the drawing and all its components. False if there is no such drawing.
  bool erase_drawing(const Uuid& id);

  // As in ReadTxn, with what this transaction has written so far; several components come sorted, as by
  // ReadTxn::sorted().
  std::optional<Component> get(const Uuid& id) const;
  std::optional<Component> find(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                std::optional<std::string_view> instance_identifier) const;
  std::vector<Component> with_key(const std::optional<Uuid>& drawing_id, std::string_view piece_mark,
                                  std::optional<std::string_view> instance_identifier) const;
  std::vector<Component> instances(const std::optional<Uuid>& drawing_id, std::string_view piece_mark) const;
  std::vector<Component> in_drawing(const std::optional<Uuid>& drawing_id) const;
  std::optional<Drawing> drawing(const Uuid& id) const;
  std::vector<Drawing> drawings() const;
  std::uint64_t component_count() const;
  std::uint64_t drawing_count() const;
  std::string next_instance_identifier(const std::optional<Uuid>& drawing_id,
                                       std::string_view piece_mark) const;

  // Durable when it returns, unless OpenOptions::durability says less.
  // Errors  disk_full    nothing was stored
  //         io_error     it is unknown what reached the disk: close the store, open it again, and look
  //         invalid_use  the transaction is broken; nothing was stored
  void commit();
  void rollback();

 private:
  friend class Store;
  friend WriteTxnState& state_of(WriteTxn& transaction);
  friend WriteTxn transaction_of(std::unique_ptr<WriteTxnState> state);
  explicit WriteTxn(std::unique_ptr<WriteTxnState> state);
  WriteTxnState& state() const;
  void require_own_end() const;
  std::unique_ptr<WriteTxnState> state_;
};

}  // namespace piecemark
