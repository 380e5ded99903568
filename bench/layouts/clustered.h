// The clustered layout: the composite unique index is the table of rows.
//
// Invariants
//   - rows  drawing, mark, instance and, where the unique constraint does not apply to the row because of a NULL, the
//           id -> record: the id and the columns that the key does not have
//   - ids   id -> key of the row, sealed
//   - Every row has exactly one entry in `ids`, and every entry a row.
//
// Good at    a look-up by key, which is one descent; whole drawings and instances, which lie together and sorted; scans
// Bad at     get by id: two descents; ids in their order: a descent a row, at random; the long key is written twice; rows
//            that are inserted at random change a page of rows each, where time-ordered ids fill one after the other
#pragma once

#include "composite_key.h"

namespace piecemark::bench {

class ClusteredLayout final : public index::Layout {
 public:
  ClusteredLayout(bool nulls_not_distinct, const engine::Table& rows, const engine::Table& ids)
      : keys_(nulls_not_distinct), rows_(rows), ids_(ids) {}

  std::optional<ComponentRow> get(const engine::ReadTransaction& transaction, const Uuid& id) const override;
  std::optional<ComponentRow> find(const engine::ReadTransaction& transaction,
                                   const index::DrawingKey& drawing, std::string_view piece_mark,
                                   const index::InstanceKey& instance) const override;
  std::uint64_t count(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<index::RowCursor> scan(const engine::ReadTransaction& transaction) const override {
    return all_by_key(transaction);
  }
  std::unique_ptr<index::RowCursor> all_by_id(const engine::ReadTransaction& transaction,
                                              const std::string& sorting_folder) const override;
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
  friend class ClusteredWriter;
  class Rows;
  class ById;

  void encode(engine::Bytes key, const ComponentRow& row, std::string& record) const;
  ComponentRow decode(engine::Bytes key, engine::Bytes record) const;
  // What `ids` holds under an id.
  void write_entry(const Uuid& id, engine::Bytes key, std::string& to) const;
  // The row that an entry of `ids` leads to.
  ComponentRow row_behind(const engine::ReadTransaction& transaction, engine::Bytes id,
                          engine::Bytes entry) const;

  CompositeKey keys_;
  engine::Table rows_;
  engine::Table ids_;
};

}  // namespace piecemark::bench
