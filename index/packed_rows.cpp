#include "packed_rows.h"

namespace piecemark::index {

void RowBlocks::read(const engine::RecordPlace& place, engine::Bytes bytes, std::vector<HashedRow>& rows) {
  const Block block(place, bytes);
  const DrawingKey drawing = drawing_of_block(place);
  rows.resize(block.count());
  for (std::size_t i = 0; i < block.count(); ++i) {
    rows[i].hash = block.hash(i);
    block.read(i, rows[i].row);
    rows[i].row.drawing_id = drawing;
  }
}

void RowBlocks::throw_missing(const engine::Table& table, const HashedRow& row) {
  engine::throw_corrupt_record({table.name, key_of(row).bytes()},
                               "no row of component " + row.row.id.to_string() + ", whose id is there");
}

void RowBlocks::throw_present(const engine::Table& table, const HashedRow& row) {
  engine::throw_corrupt_record({table.name, key_of(row).bytes()},
                               "a row of component " + row.row.id.to_string() + ", whose id was not there");
}

BlockScope RowBlocks::scope_of(const DrawingKey& drawing) {
  const PackedKey key(drawing);
  return {std::string(key.bytes()), std::string(key.bytes()) + PackedKey::kLastBlock};
}

DrawingKey drawing_of_block(const engine::RecordPlace& place) {
  engine::Bytes key = place.key;
  DrawingKey drawing;
  if (!PackedKey::read_drawing(key, drawing))
    engine::throw_corrupt_record(place, "a key that is none of a block");
  return drawing;
}

bool is_last_of_drawing(engine::Bytes key) {
  DrawingKey drawing;
  return PackedKey::read_drawing(key, drawing) && key.starts_with(PackedKey::kLastBlock);
}

}  // namespace piecemark::index
