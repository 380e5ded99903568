// Changes to the ordered layout: row by row, and all at once into empty tables.
#pragma once

#include <string>

#include "ordered.h"

namespace piecemark::index {

class OrderedWriter final : public LayoutWriter {
 public:
  OrderedWriter(const OrderedLayout& layout, engine::WriteTransaction& transaction)
      : LayoutWriter(transaction), layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> plan_insert(const ComponentRow& row, engine::Batch& batch) override;
  std::optional<Conflict> plan_replace(const ComponentRow& before, const ComponentRow& after,
                                       engine::Batch& batch) override;
  void plan_erase(const ComponentRow& row, engine::Batch& batch) override;
  std::uint64_t plan_erase_drawing(const Uuid& drawing, engine::Batch& batch) override;
  void flush() override {}  // No row is buffered.

 private:
  void plan_row(const ComponentRow& row, engine::Batch& batch) const;
  void plan_entry(const std::string& key, const Uuid& id, engine::Batch& batch) const;
  std::optional<Conflict> conflict_of(const Uuid& id) const;
  std::optional<Conflict> conflict_of(const std::string& key) const;

  const OrderedLayout& layout_;
  const engine::ReadTransaction& transaction_;
};

// Fills an empty layout with rows and keys that come sorted, in one pass of each. The two passes may come in any
// order, or in turns. That rows and keys belong together shows in the sums of their hashes.
// Lifetime  ends before its transaction.
// Errors    corrupt_file  what comes is not sorted, or a key that must be unique comes twice; the caller gives up the
//                         transaction
class OrderedBulkWriter {
 public:
  OrderedBulkWriter(const OrderedLayout& layout, engine::WriteTransaction& transaction)
      : layout_(layout), records_(transaction, layout.rows_), entries_(transaction, layout.unique_) {}

  // In the order of the ids. The row may borrow from the transaction.
  void add(const ComponentRow& row);
  // In the order of cursors by key: drawing, mark, instance; then by id, where the key does not have to be unique.
  void add_key(const RowKey& key);
  // Makes sure that the keys are those of the rows: each row has one, which leads to it, and no key is left over.
  void finish();

 private:
  // Of all pairs of a key and an id, in any order.
  struct Seen {
    std::uint64_t count = 0;
    std::uint64_t hash = 0;

    void add(engine::Bytes key, const Uuid& id);
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  std::string writing() const;
  [[noreturn]] void throw_not_ascending(const char* what, const Uuid& id) const;

  const OrderedLayout& layout_;
  engine::TableWriter records_;
  engine::TableWriter entries_;
  Seen rows_seen_;
  Seen keys_seen_;
  engine::KeyWriter key_;
  std::string value_;
};

}  // namespace piecemark::index
