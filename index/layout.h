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

// The row that keeps another one out.
struct Conflict {
  enum class On : std::uint8_t { id, key };
  On on = On::id;
  Uuid existing;
};

// Fills an empty layout faster than single inserts.
class BulkWriter {
 public:
  virtual ~BulkWriter() = default;
  // Rows come in ascending order of their ids, and may borrow from the transaction.
  virtual void add(const ComponentRow& row) = 0;
  // Completes the indexes. A conflict if two rows have the same key; the caller then gives up the
  // transaction.
  virtual std::optional<Conflict> finish() = 0;
};

// A drawing, or none: rows without a drawing are looked up like those of one.
using DrawingKey = std::optional<Uuid>;
using InstanceKey = std::optional<std::string_view>;

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
