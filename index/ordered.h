// The ordered layout of formats 1 and 2: records under their id, and beside them the composite unique index.
//
// Invariants
//   - rows    id -> record of the row
//   - unique  drawing, mark, instance (format 2) and, where the unique constraint does not apply to the row
//             because of a NULL, the id -> id
//   - Every row has exactly one entry in `unique`, and every entry a row.
#pragma once

#include "engine/key.h"
#include "format.h"
#include "layout.h"

namespace piecemark::index {

class OrderedLayout final : public Layout {
 public:
  OrderedLayout(const Format& format, bool nulls_not_distinct, const engine::Table& rows,
                const engine::Table& unique)
      : format_(format), nulls_not_distinct_(nulls_not_distinct), rows_(rows), unique_(unique) {}

  std::optional<ComponentRow> get(const engine::ReadTransaction& transaction, const Uuid& id) const override;
  std::optional<ComponentRow> find(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                   std::string_view piece_mark, const InstanceKey& instance) const override;
  std::uint64_t count(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<RowCursor> scan(const engine::ReadTransaction& transaction) const override {
    return all_by_id(transaction, {});
  }
  std::unique_ptr<RowCursor> all_by_id(const engine::ReadTransaction& transaction,
                                       const std::string& sorting_folder) const override;
  std::unique_ptr<RowCursor> all_by_key(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<KeyCursor> all_keys(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<RowCursor> in_drawing(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                        Order order) const override;
  std::unique_ptr<RowCursor> instances(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                       std::string_view piece_mark, Order order) const override;
  std::unique_ptr<RowCursor> with_key(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                      std::string_view piece_mark,
                                      const InstanceKey& instance) const override;
  std::unique_ptr<LayoutWriter> writer(engine::WriteTransaction& transaction) const override;
  void fill(engine::WriteTransaction& transaction, const Layout& source, const engine::ReadTransaction& from,
            const FillWatch& watch) const override;
  void clear(engine::WriteTransaction& transaction) const override;
  void verify(const engine::ReadTransaction& transaction, const RowVisitor& visit,
              const ProblemSink& report) const override;

 private:
  friend class OrderedWriter;
  friend class OrderedBulkWriter;
  class ById;
  class ByKey;
  class Keys;
  class None;
  class Verifier;

  bool is_constrained(const DrawingKey& drawing, const InstanceKey& instance) const;
  // False for a key that no row can have.
  bool can_occur(std::string_view piece_mark, const InstanceKey& instance) const;
  // The columns of the key, without the id that follows where the constraint does not apply.
  std::string key_columns(const DrawingKey& drawing, std::string_view piece_mark,
                          const InstanceKey& instance) const;
  std::string key_of(const ComponentRow& row) const;
  // The whole key of the index, written over what is there.
  void write_key(const RowKey& key, engine::KeyWriter& to) const;
  ComponentRow decode(const Uuid& id, engine::Bytes record) const;
  // What the index holds under a key.
  void write_entry(engine::Bytes key, const Uuid& id, std::string& to) const;
  Uuid decode_entry(engine::Bytes key, engine::Bytes entry) const;
  // The row that an entry of the index leads to.
  ComponentRow row_behind(const engine::ReadTransaction& transaction, engine::Bytes key,
                          engine::Bytes entry) const;

  const Format& format_;
  bool nulls_not_distinct_;
  engine::Table rows_;
  engine::Table unique_;
};

}  // namespace piecemark::index
