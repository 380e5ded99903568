// Changes to the packed layout within one write transaction.
//
// Rows to insert wait in memory until they are many, or something else is to be read or changed. Then they go in
// together, in the order of their keys: a block is taken apart and put together again once for all rows that it gets.
// Where rows come to an empty layout in random order, every block would get some each time: those rows go to sorters,
// and from there into blocks that are written once.
//
// Invariant  A row that waits, in memory or in a sorter, has passed all checks; no other row that waits, or is stored, has
//            its id or its key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block_table.h"
#include "engine/memory_reserve.h"
#include "packed.h"
#include "packed_ids.h"
#include "packed_rows.h"
#include "row_buffer.h"
#include "row_sorter.h"

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

  bool is_constrained(const ComponentRow& row) const {
    return layout_.is_constrained(row.drawing_id, row.instance_identifier);
  }
  void buffer(RowHash hash, const ComponentRow& row);
  void make_room();
  bool has_waited_enough(bool begins_drawing) const;
  bool is_id_taken(const Uuid& id);
  std::optional<Uuid> holder_of_key(RowHash hash, const ComponentRow& row);
  bool is_stored(const DrawingKey& drawing);

  void begin_random_load();
  void write_waiting();
  void sort_waiting();
  void write_sorted();
  void write_sorted_rows();
  void note_hashes();
  void forget_waiting();
  void write_ids();
  void change_ids(BlockChange change, std::vector<IdEntry>& entries);
  void write_blocks(const RowBuffer& buffer);
  void reserve_memory(const RowBuffer& buffer);
  void change_row(BlockChange change, const HashedRow& row);

  const PackedLayout& layout_;
  engine::WriteTransaction& transaction_;

  RowBuffer waiting_;  // in memory
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

  BlockTableWriter<RowBlocks> blocks_{transaction_, layout_.blocks_};
  BlockTableWriter<IdBlocks> ids_{transaction_, layout_.ids_.table()};

  // Of a load in random order.
  struct Seen {
    SeenHashes ids;
    SeenHashes keys;
  };
  std::unique_ptr<Seen> seen_;  // rows that were sorted or written
  struct Sorted {
    explicit Sorted(const std::string& folder) : rows(folder), ids(folder) {}
    RowSorter rows;
    engine::Sorter ids;
  };
  std::unique_ptr<Sorted> sorted_;  // rows that are in no block yet

  std::uint64_t flushed_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::optional<engine::MemoryReserve> reserve_;
};

}  // namespace piecemark::index
