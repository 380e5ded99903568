// The packed layout of format 3: the rows of a drawing lie together in a few blocks, sorted by hashes of mark and
// instance, which makes the block key the composite index.
//
// Invariants
//   - blocks  block key (packed_key.h) -> block (block.h); the rows of a block are sorted, and lie between the key of
//             the block before and its own
//   - ids     blocks too (id_block.h): of each id drawing and hash of the row, which are its key together with the id
//   - The last block of a drawing that has rows has the key that ends in FF, and no drawing has an empty block.
//   - Every row has exactly one entry in `ids`, and every entry a row.
//   - No two rows that the unique constraint applies to have the same drawing, mark and instance.
//
// What is not found is proven not to be there (engine/absence.h).
#pragma once

#include "block.h"
#include "layout.h"
#include "packed_ids.h"

namespace piecemark::index {

class PackedLayout final : public Layout {
 public:
  // What a writer buffers in memory.
  static constexpr std::size_t kBufferedBytesMax = std::size_t{64} << 20;

  // Other hashes, and another limit, are for tests.
  PackedLayout(bool nulls_not_distinct, const engine::Table& blocks, const engine::Table& ids,
               RowHasher hasher = {}, std::size_t buffered_bytes_max = kBufferedBytesMax)
      : nulls_not_distinct_(nulls_not_distinct),
        blocks_(blocks),
        ids_(ids),
        hasher_(hasher),
        buffered_bytes_max_(buffered_bytes_max) {}

  std::optional<ComponentRow> get(const engine::ReadTransaction& transaction, const Uuid& id) const override;
  std::optional<ComponentRow> find(const engine::ReadTransaction& transaction, const DrawingKey& drawing,
                                   std::string_view piece_mark, const InstanceKey& instance) const override;
  std::uint64_t count(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<RowCursor> scan(const engine::ReadTransaction& transaction) const override;
  std::unique_ptr<RowCursor> all_by_id(const engine::ReadTransaction& transaction,
                                       const std::string& sorting_folder) const override;
  // Memory  some 100 bytes for each row of the largest drawing
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
  friend class PackedWriter;
  class Rows;
  class ById;
  class Sorted;
  class Keys;
  class Verifier;

  bool is_constrained(const DrawingKey& drawing, const InstanceKey& instance) const {
    return nulls_not_distinct_ || (drawing && instance);
  }
  RowHash hash_of(const ComponentRow& row) const {
    return hasher_.of(row.piece_mark, row.instance_identifier);
  }
  Block block_of(const engine::ReadTransaction::Entry& entry) const {
    return {{blocks_.name, entry.key}, entry.value};
  }
  // The row that an id leads to.
  ComponentRow row_behind(const engine::ReadTransaction& transaction, const IdEntry& entry) const;
  [[noreturn]] void throw_leads_nowhere(const Uuid& id) const;

  bool nulls_not_distinct_;
  engine::Table blocks_;
  PackedIds ids_;
  RowHasher hasher_;
  std::size_t buffered_bytes_max_;
};

}  // namespace piecemark::index
