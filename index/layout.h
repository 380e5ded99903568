// A layout: how components lie in the file, and the operations that every way of laying them out offers.
//
// What a layout promises
//   - Ids are unique, and so is the key of the format among rows that the unique constraint applies to: with
//     NULLS DISTINCT, rows without a NULL in the key; with NULLS NOT DISTINCT, all rows.
//   - insert and replace either store the row, or change nothing and say which row is in the way.
//   - Cursors by key give rows in the order drawing, mark, instance, id: NULL last, text byte by byte.
//   - Bytes are checked on the way in; damage is corrupt_record, never a wrong row.
// What it leaves to the caller: lengths, NOT NULL, CHECK and drawings (constraints.h, components.h).
//
// Layouts hold no state of a transaction and are safe to share between threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

// Fills an empty layout with rows and keys that come sorted, in one pass of each. The two passes may come in any
// order, or in turns.
// Lifetime  ends before its transaction.
// Errors    corrupt_file  what comes is not sorted, or a key that must be unique comes twice; the caller gives up the
//                         transaction
class BulkWriter {
 public:
  virtual ~BulkWriter() = default;
  // In the order of the ids. The row may borrow from the transaction.
  virtual void add(const ComponentRow& row) = 0;
  // In the order of cursors by key: drawing, mark, instance; then by id, where the key does not have to be unique.
  virtual void add_key(const RowKey& key) = 0;
  // Makes sure that the keys are those of the rows: each row has one, which leads to it, and no key is left over.
  virtual void finish() = 0;
};

// The row that keeps another one out.
struct Conflict {
  enum class On : std::uint8_t { id, key };
  On on = On::id;
  Uuid existing;
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

  virtual std::unique_ptr<RowCursor> all_by_id(const engine::ReadTransaction& transaction) const = 0;
  virtual std::unique_ptr<RowCursor> all_by_key(const engine::ReadTransaction& transaction) const = 0;
  // As all_by_key, without visiting the rows.
  virtual std::unique_ptr<KeyCursor> all_keys(const engine::ReadTransaction& transaction) const = 0;
  virtual std::unique_ptr<RowCursor> in_drawing(const engine::ReadTransaction& transaction,
                                                const DrawingKey& drawing) const = 0;
  virtual std::unique_ptr<RowCursor> instances(const engine::ReadTransaction& transaction,
                                               const DrawingKey& drawing,
                                               std::string_view piece_mark) const = 0;
  virtual std::unique_ptr<RowCursor> with_key(const engine::ReadTransaction& transaction,
                                              const DrawingKey& drawing, std::string_view piece_mark,
                                              const InstanceKey& instance) const = 0;

  // Rows given to insert, replace and erase may not borrow from the transaction.
  virtual std::optional<Conflict> insert(engine::WriteTransaction& transaction,
                                         const ComponentRow& row) const = 0;
  // `before` is the row as it is stored.
  virtual std::optional<Conflict> replace(engine::WriteTransaction& transaction, const ComponentRow& before,
                                          const ComponentRow& after) const = 0;
  virtual void erase(engine::WriteTransaction& transaction, const ComponentRow& row) const = 0;
  // Deletes every component of the drawing and says how many there were.
  virtual std::uint64_t erase_drawing(engine::WriteTransaction& transaction, const Uuid& drawing) const = 0;

  virtual std::unique_ptr<BulkWriter> bulk_writer(engine::WriteTransaction& transaction) const = 0;
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
