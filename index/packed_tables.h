// What changes the two tables of the packed layout: blocks of rows, and blocks of ids.
//
// Parts of a statement go to its batch. Many buffered rows are written block by block instead: where that throws, some are
// written, and the caller poisons the transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "block_table.h"
#include "engine/memory_reserve.h"
#include "packed_ids.h"
#include "packed_rows.h"
#include "row_buffer.h"

namespace piecemark::index {

// Lifetime  ends before the transaction.
class PackedTables {
 public:
  PackedTables(engine::WriteTransaction& transaction, const engine::Table& blocks, const engine::Table& ids)
      : transaction_(transaction), blocks_(transaction, blocks), ids_(transaction, ids) {}

  // Errors  corrupt_record
  void plan_row(BlockChange change, const HashedRow& row, engine::Batch& batch);
  // The entries come in any order, and are sorted.
  void plan_ids(BlockChange change, std::vector<IdEntry>& entries, engine::Batch& batch);

  // Rows that are not there, and their ids.
  // Errors  corrupt_record
  void insert_rows(const RowBuffer& buffer);
  void insert_ids(const RowBuffer& buffer);

 private:
  void reserve_memory(const RowBuffer& buffer);

  engine::WriteTransaction& transaction_;
  BlockTableWriter<RowBlocks> blocks_;
  BlockTableWriter<IdBlocks> ids_;
  engine::Batch batch_;  // of one block and its neighbours

  std::uint64_t written_bytes_ = 0;   // about so many, in pages
  std::uint64_t reserved_bytes_ = 0;  // for these, counted from the first
  std::optional<engine::MemoryReserve> reserve_;
};

}  // namespace piecemark::index
