// Rows of the packed layout as a kind of block (block_table.h). The scope of a row is its drawing.
#pragma once

#include <vector>

#include "block.h"
#include "block_table.h"
#include "packed_key.h"

namespace piecemark::index {

struct RowBlocks {
  using Entry = HashedRow;
  using Builder = BlockBuilder;
  using Block = index::Block;
  using Key = PackedKey;

  static PackedKey key_of(const HashedRow& row) { return {row.row.drawing_id, row.hash, row.row.id}; }
  static bool is_before(const HashedRow& a, const HashedRow& b) { return a < b; }
  static void read(const engine::RecordPlace& place, engine::Bytes bytes, std::vector<HashedRow>& rows);
  [[noreturn]] static void throw_missing(const engine::Table& table, const HashedRow& row);
  [[noreturn]] static void throw_present(const engine::Table& table, const HashedRow& row);

  static BlockScope scope_of(const DrawingKey& drawing);
};

// The drawing whose rows lie in this block.
// Errors  corrupt_record
DrawingKey drawing_of_block(const engine::RecordPlace& place);
// Whether no other block of the drawing follows.
bool is_last_of_drawing(engine::Bytes key);

}  // namespace piecemark::index
