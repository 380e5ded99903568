// A layout: how components lie in the file, and the operations that every way of laying them out offers.
//
// What a layout promises
//   - Ids are unique, and so is the key of the format among rows that the unique constraint applies to: with
//     NULLS DISTINCT, rows without a NULL in the key; with NULLS NOT DISTINCT, all rows.
//   - insert and replace either store the row, or change nothing and say which row is in the way.
//   - The order of keys is drawing, mark, instance, id: NULL last, text byte by byte.
//   - Bytes are checked on the way in; damage is corrupt_record, never a wrong row.
// What it leaves to the caller: lengths, NOT NULL, CHECK and drawings (constraints.h, components.h).
//
// Layouts hold no state of a transaction and are safe to share between threads; a LayoutWriter is of one transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/batch.h"
#include "engine/transaction.h"
#include "piecemark/component.h"

namespace piecemark::index {

// Rows one after the other. A row borrows from the cursor and its transaction, until the next call.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual bool next(ComponentRow& row) = 0;
};

// A drawing, or none: rows without a drawing are looked up like those of one.
using DrawingKey = std::optional<Uuid>;
using InstanceKey = std::optional<std::string_view>;

// The key of a row, and whose it is.
struct RowKey {
  DrawingKey drawing;
  std::string_view piece_mark;
  InstanceKey instance;  // NULL in a format without it
  Uuid id;
};

// Keys one after the other. A key borrows from the cursor, until the next call.
class KeyCursor {
 public:
  virtual ~KeyCursor() = default;
  virtual bool next(RowKey& key) = 0;
};

// The row that keeps another one out.
struct Conflict {
  enum class On : std::uint8_t { id, key };
  On on = On::id;
  Uuid existing;
};

// The changes of one write transaction. Each of insert(), replace(), erase() and erase_drawing() is a statement: where it
// throws, it has changed nothing, or the transaction is broken.
//
// Rows to insert may be buffered, to be written together with others: flush() comes before anything else is read through
// the transaction, and before its commit. Statements flush by themselves.
// Lifetime  ends before its transaction.
// Errors    After an error from flush(), of itself or within a statement, the transaction is broken: rows are lost that
//           earlier calls have taken.
class LayoutWriter {
 public:
  explicit LayoutWriter(engine::WriteTransaction& transaction) : statements_(transaction) {}
  virtual ~LayoutWriter() = default;

  // Rows given to these may not borrow from the transaction.
  std::optional<Conflict> insert(const ComponentRow& row) {
    return statements_.run([&](engine::Batch& batch) { return plan_insert(row, batch); });
  }
  // `before` is the row as it is stored.
  std::optional<Conflict> replace(const ComponentRow& before, const ComponentRow& after) {
    return statements_.run([&](engine::Batch& batch) { return plan_replace(before, after, batch); });
  }
  void erase(const ComponentRow& row) {
    statements_.run([&](engine::Batch& batch) { plan_erase(row, batch); });
  }
  // Deletes every component of the drawing and says how many there were.
  std::uint64_t erase_drawing(const Uuid& drawing) {
    return statements_.run([&](engine::Batch& batch) { return plan_erase_drawing(drawing, batch); });
  }

  // The same as parts of a larger statement: what there is to change goes to the batch, but for a row to insert that is
  // buffered: insert comes last.
  virtual std::optional<Conflict> plan_insert(const ComponentRow& row, engine::Batch& batch) = 0;
  virtual std::optional<Conflict> plan_replace(const ComponentRow& before, const ComponentRow& after,
                                               engine::Batch& batch) = 0;
  virtual void plan_erase(const ComponentRow& row, engine::Batch& batch) = 0;
  virtual std::uint64_t plan_erase_drawing(const Uuid& drawing, engine::Batch& batch) = 0;

  virtual void flush() = 0;

 private:
  engine::Statements statements_;
};

// For who watches Layout::fill(), which goes through the source twice.
struct FillWatch {
  enum class Pass : std::uint8_t { index, rows };
  std::function<void(Pass pass)> on_pass;
  std::function<void()> on_row;
};

class Layout {
 public:
  virtual ~Layout() = default;

  virtual std::optional<ComponentRow> get(const engine::ReadTransaction& transaction,
                                          const Uuid& id) const = 0;
  // The row with this key; of several rows with the same key, which NULLs allow, the one with the smallest
  // id.
  virtual std::optional<ComponentRow> find(const engine::ReadTransaction& transaction,
                                           const DrawingKey& drawing, std::string_view piece_mark,
                                           const InstanceKey& instance) const = 0;
  virtual std::uint64_t count(const engine::ReadTransaction& transaction) const = 0;

  // All rows, in the order in which they lie.
  virtual std::unique_ptr<RowCursor> scan(const engine::ReadTransaction& transaction) const = 0;
  // Where rows lie otherwise, they are sorted with a temporary file in the folder (engine/sorter.h).
  virtual std::unique_ptr<RowCursor> all_by_id(const engine::ReadTransaction& transaction,
                                               const std::string& sorting_folder) const = 0;
  virtual std::unique_ptr<RowCursor> all_by_key(const engine::ReadTransaction& transaction) const = 0;
  // As all_by_key, without visiting the rows where they lie elsewhere.
  virtual std::unique_ptr<KeyCursor> all_keys(const engine::ReadTransaction& transaction) const = 0;

  enum class Order : std::uint8_t {
    any,     // the order in which the rows lie
    by_key,  // sorted, in memory if they lie otherwise
  };
  virtual std::unique_ptr<RowCursor> in_drawing(const engine::ReadTransaction& transaction,
                                                const DrawingKey& drawing, Order order) const = 0;
  virtual std::unique_ptr<RowCursor> instances(const engine::ReadTransaction& transaction,
                                               const DrawingKey& drawing, std::string_view piece_mark,
                                               Order order) const = 0;
  // By id.
  virtual std::unique_ptr<RowCursor> with_key(const engine::ReadTransaction& transaction,
                                              const DrawingKey& drawing, std::string_view piece_mark,
                                              const InstanceKey& instance) const = 0;

  virtual std::unique_ptr<LayoutWriter> writer(engine::WriteTransaction& transaction) const = 0;
  // Writes all rows of another layout, which may lie in the same file, into this one, which is empty.
  // Errors  corrupt_file  rows and keys of the source do not belong together; the caller gives up the transaction
  virtual void fill(engine::WriteTransaction& transaction, const Layout& source,
                    const engine::ReadTransaction& from, const FillWatch& watch) const = 0;
  // Empties the layout.
  virtual void clear(engine::WriteTransaction& transaction) const = 0;

  // Reads everything and reports what does not hold: checksums, every index entry against its record and
  // back, order, counters. Gives each sound row to `visit`.
  using ProblemSink = std::function<void(std::string problem)>;
  using RowVisitor = std::function<void(const ComponentRow& row)>;
  virtual void verify(const engine::ReadTransaction& transaction, const RowVisitor& visit,
                      const ProblemSink& report) const = 0;
};

}  // namespace piecemark::index
