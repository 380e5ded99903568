// Changes to the packed layout within one write transaction.
//
// Rows to insert wait in memory until they are many, or something else is to be read or changed. Then they go in
// together, in the order of their keys: a block is taken apart and put together again once for all rows that it gets.
//
// Invariants
//   - A row that waits has passed all checks; no other row that waits, or is stored, has its id or its key.
//   - A block that has become small lies together with a neighbour, or shares its rows, where sizes allow it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/memory_reserve.h"
#include "packed.h"
#include "packed_key.h"
#include "row_buffer.h"

namespace piecemark::index {

class PackedWriter final : public LayoutWriter {
 public:
  PackedWriter(const PackedLayout& layout, engine::WriteTransaction& transaction)
      : layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> insert(const ComponentRow& row) override;
  std::optional<Conflict> replace(const ComponentRow& before, const ComponentRow& after) override;
  void erase(const ComponentRow& row) override;
  std::uint64_t erase_drawing(const Uuid& drawing) override;
  void flush() override;

  // Inserts a row without its id, and unchecked: for filling an empty layout drawing by drawing.
  void add_unchecked(const ComponentRow& row);

 private:
  using Rows = std::vector<HashedRow>;
  using RowPointers = std::vector<const HashedRow*>;
  struct EncodedBlock {
    std::string key;
    std::string bytes;
  };
  // A stored block, with its rows. They are read into memory that one block after the other is read into.
  struct OpenBlock {
    std::string key;
    std::size_t size = 0;
    Rows* rows;
  };
  enum class Side : std::uint8_t { left, right };

  bool is_constrained(const ComponentRow& row) const {
    return layout_.is_constrained(row.drawing_id, row.instance_identifier);
  }
  void buffer(RowHash hash, const ComponentRow& row);
  bool has_waited_enough(bool begins_drawing) const;
  bool is_id_taken(const Uuid& id);
  std::optional<Uuid> holder_of_key(RowHash hash, const ComponentRow& row);
  bool is_stored(const DrawingKey& drawing);

  void note_written();
  void write_ids();
  void write_blocks();
  void write_drawing(const DrawingKey& drawing, const HashedRow* const* first, const HashedRow* const* last);
  template <class Change>
  void edit(const HashedRow& stored, const Change& change);

  std::optional<OpenBlock> open(const PackedKey& key);
  OpenBlock open(const engine::ReadTransaction::Entry& entry, Rows& rows) const;
  std::optional<OpenBlock> neighbour(const DrawingKey& drawing, const OpenBlock& block, Side side,
                                     std::size_t size_max);
  void store(const DrawingKey& drawing, const OpenBlock& block, const RowPointers& rows);
  bool store_with_neighbour(const DrawingKey& drawing, const OpenBlock& block, const RowPointers& rows,
                            std::size_t size);
  void replace_blocks(std::initializer_list<const std::string*> old_keys,
                      const std::vector<EncodedBlock>& blocks);
  std::vector<EncodedBlock> encoded(const DrawingKey& drawing, const RowPointers& rows,
                                    const std::string& last_key, std::size_t capacity);
  std::vector<EncodedBlock> encoded_evenly(const DrawingKey& drawing, const RowPointers& rows,
                                           const std::string& last_key);

  const PackedLayout& layout_;
  engine::WriteTransaction& transaction_;

  RowBuffer waiting_;
  bool waits_without_ids_ = false;
  RowIndex by_id_;  // of the first so many rows that wait
  std::size_t indexed_by_id_ = 0;
  RowIndex by_key_;  // of the rows that wait and must be unique

  std::optional<Uuid> greatest_id_;  // of the rows that are stored or wait
  bool knows_greatest_id_ = false;
  // What is_stored() has said last.
  struct Asked {
    DrawingKey drawing;
    bool is_stored;
  };
  std::optional<Asked> asked_;

  BlockBuilder builder_;
  Rows rows_at_hand_;  // of the block that was opened last
  Rows rows_beside_;   // of the neighbour that was opened last

  struct Written {
    WrittenHashes ids;
    WrittenHashes keys;
  };
  std::unique_ptr<Written> written_;

  std::uint64_t flushed_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::optional<engine::MemoryReserve> reserve_;
};

}  // namespace piecemark::index
