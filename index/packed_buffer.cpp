#include "packed_buffer.h"

#include "engine/key.h"
#include "engine/record.h"
#include "packed_rows.h"

namespace piecemark::index {
namespace {

using engine::bytes_of;

std::uint64_t hash_of_key(const DrawingKey& drawing, RowHash hash) {
  const PackedKey key(drawing, hash);
  return engine::hash_of(key.bytes());
}

std::uint64_t hash_of_id(const Uuid& id) {
  return engine::hash_of(bytes_of(id));
}

}  // namespace

void PackedBuffer::add(RowHash hash, const ComponentRow& row, bool must_be_unique) {
  if (must_be_unique) by_key_.make_room();  // First: a row that no look-up finds would let in a second one.
  rows_.add(hash, row);
  if (must_be_unique) by_key_.add(hash_of_key(row.drawing_id, hash), rows_.rows().size() - 1);
}

void PackedBuffer::clear() {
  rows_.clear();
  by_id_.clear();
  indexed_by_id_ = 0;
  by_key_.clear();
}

bool PackedBuffer::has_id(const Uuid& id) {
  const std::vector<HashedRow>& rows = rows_.rows();
  for (; indexed_by_id_ < rows.size(); ++indexed_by_id_) {
    by_id_.add(hash_of_id(rows[indexed_by_id_].row.id), indexed_by_id_);
  }
  return by_id_.find(hash_of_id(id), [&](std::size_t at) { return rows[at].row.id == id; }).has_value();
}

std::optional<Uuid> PackedBuffer::holder_of_key(RowHash hash, const ComponentRow& row) const {
  const std::vector<HashedRow>& rows = rows_.rows();
  const auto has_key = [&](std::size_t at) {
    const ComponentRow& other = rows[at].row;
    return other.drawing_id == row.drawing_id && other.piece_mark == row.piece_mark &&
           other.instance_identifier == row.instance_identifier;
  };
  const auto found = by_key_.find(hash_of_key(row.drawing_id, hash), has_key);
  return found ? std::optional(rows[*found].row.id) : std::nullopt;
}

void KnownRows::add(const RowBuffer& buffer) {
  for (const HashedRow& row : buffer.rows()) add(row);
}

void KnownRows::add(const HashedRow& row) {
  ids_.add(hash_of_id(row.row.id));
  keys_.add(hash_of_key(row.row.drawing_id, row.hash));
}

bool KnownRows::may_have_id(const Uuid& id) const {
  return ids_.contains(hash_of_id(id));
}

bool KnownRows::may_have_key(const DrawingKey& drawing, RowHash hash) const {
  return keys_.contains(hash_of_key(drawing, hash));
}

void Sorting::Sorters::add(const RowBuffer& buffer) {
  std::string entry;
  for (const HashedRow& row : buffer.rows()) {
    rows.add(RowBlocks::key_of(row).bytes(), row.row);
    entry.assign(bytes_of(row.row.id));
    ids.add(entry.append(PackedKey(row.row.drawing_id, row.hash).bytes()));
  }
}

}  // namespace piecemark::index
