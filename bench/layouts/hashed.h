// The hashed layout: rows under their id, found by a hash of drawing, mark and instance.
//
// Invariants
//   - rows      id -> record of the row, as in the ordered layout
//   - hashes    hash of drawing, mark and instance (8, big-endian), id -> an entry that is only sealed
//   - drawings  drawing, id -> the same
//   - Every row has exactly one entry in `hashes` and one in `drawings`, and every entry a row.
//   - No two rows that the unique constraint applies to have the same drawing, mark and instance.
//
// Good at    a look-up of a row that is not there: a descent over short keys of one length, and hardly ever a row
// Bad at     order, which a hash destroys: all instances of a mark take the whole drawing, which is read and, where
//            order is asked for, sorted; so is every pass by key, and a pass over the keys reads the rows, too. Hashes
//            are random: each insertion changes another page of `hashes`, in whatever order rows come. Only a look at
//            the rows says that a key is taken, and there is one more table to write
#pragma once

#include "composite_key.h"
#include "engine/sorter.h"

namespace piecemark::bench {

class HashedLayout final : public index::Layout {
 public:
  // Cut down to a few bits, hashes collide: that is for tests.
  static constexpr unsigned kHashBits = 64;

  struct Tables {
    engine::Table rows;
    engine::Table hashes;
    engine::Table drawings;
  };
  HashedLayout(bool nulls_not_distinct, const Tables& tables, unsigned hash_bits = kHashBits)
      : keys_(nulls_not_distinct),
        rows_(tables.rows),
        hashes_(tables.hashes),
        drawings_(tables.drawings),
        hash_bits_(hash_bits) {}

  std::optional<ComponentRow> get(const engine::ReadTransaction& transaction, const Uuid& id) const override;
  std::optional<ComponentRow> find(const engine::ReadTransaction& transaction,
                                   const index::DrawingKey& drawing, std::string_view piece_mark,
                                   const index::InstanceKey& instance) const override;
  std::uint64_t count(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<index::RowCursor> scan(const engine::ReadTransaction& transaction) const override {
    return all_by_id(transaction, {});
  }
  std::unique_ptr<index::RowCursor> all_by_id(const engine::ReadTransaction& transaction,
                                              const std::string& sorting_folder) const override;
  // Memory  SortedRows (sorted_rows.h)
  std::unique_ptr<index::RowCursor> all_by_key(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<index::KeyCursor> all_keys(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<index::RowCursor> in_drawing(const engine::ReadTransaction& transaction,
                                               const index::DrawingKey& drawing, Order order) const override;
  std::unique_ptr<index::RowCursor> instances(const engine::ReadTransaction& transaction,
                                              const index::DrawingKey& drawing, std::string_view piece_mark,
                                              Order order) const override;
  std::unique_ptr<index::RowCursor> with_key(const engine::ReadTransaction& transaction,
                                             const index::DrawingKey& drawing, std::string_view piece_mark,
                                             const index::InstanceKey& instance) const override;
  std::unique_ptr<index::LayoutWriter> writer(engine::WriteTransaction& transaction) const override;
  void fill(engine::WriteTransaction& transaction, const index::Layout& source,
            const engine::ReadTransaction& from, const index::FillWatch& watch) const override;
  void clear(engine::WriteTransaction& transaction) const override;
  void verify(const engine::ReadTransaction& transaction, const RowVisitor& visit,
              const ProblemSink& report) const override;

 private:
  friend class HashedWriter;
  class ById;
  class InDrawing;
  class WithKey;

  // A hash as it stands in keys.
  std::string hash_of(engine::Bytes key_columns) const;
  std::string hash_key_of(const ComponentRow& row) const;
  static std::string drawing_key_of(const index::DrawingKey& drawing, const Uuid& id);

  void encode(const ComponentRow& row, std::string& record) const;
  ComponentRow decode(engine::Bytes id, engine::Bytes record) const;
  // What `hashes` and `drawings` hold under a key.
  static void write_entry(const engine::Table& table, engine::Bytes key, std::string& to);
  static void append_entries(engine::WriteTransaction& transaction, const engine::Table& table,
                             engine::Sorter& keys);
  // Where the row of an entry lies: the id that its key ends in.
  static engine::Bytes id_behind(const engine::Table& table, engine::Bytes key, engine::Bytes entry);
  ComponentRow row_behind(const engine::ReadTransaction& transaction, const engine::Table& table,
                          engine::Bytes key, engine::Bytes entry) const;

  CompositeKey keys_;
  engine::Table rows_;
  engine::Table hashes_;
  engine::Table drawings_;
  unsigned hash_bits_;
};

}  // namespace piecemark::bench
