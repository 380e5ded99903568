#include "packed_writer.h"

#include <algorithm>
#include <utility>

#include "engine/bytes.h"
#include "engine/environment.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::bytes_of;
using engine::Cursor;

// So much may wait.
constexpr std::size_t kWaitingBytesMax = std::size_t{64} << 20;
// Where whole drawings come one after the other, little is to be gained from more than the processor's cache holds.
constexpr std::size_t kDrawingsBytesMax = std::size_t{2} << 20;
constexpr std::size_t kRowsOfDrawingMin = 8;  // on average
// After its first flush a transaction is large: it will need memory for pages, so much at a time.
constexpr std::uint64_t kReservedBytes = std::uint64_t{64} << 20;
// Fresh blocks leave room for a row or two, so that the next insertion does not have to split them.
constexpr std::size_t kFreshCapacity = kBlockCapacity * 19 / 20;
// A block below this size looks for a neighbour to lie together with.
constexpr std::size_t kSmallSize = kBlockCapacity / 2;
// Below this size it shares the rows of a neighbour even if both stay.
constexpr std::size_t kTinySize = kBlockCapacity / 4;
// Two blocks become one where this holds both.
constexpr std::size_t kMergedSizeMax = kBlockCapacity * 17 / 20;
// A block that overflows shares its rows with a neighbour up to this size instead of being split.
constexpr std::size_t kRoomySizeMax = kBlockCapacity * 3 / 4;

std::uint64_t hash_of_key(const DrawingKey& drawing, RowHash hash) {
  const PackedKey key(drawing, hash);
  return engine::hash_of(key.bytes());
}

std::uint64_t hash_of_id(const Uuid& id) {
  return engine::hash_of(bytes_of(id));
}

// NULL last, as in keys.
bool is_before(const DrawingKey& a, const DrawingKey& b) {
  if (!a || !b) return a.has_value() && !b;
  return *a < *b;
}

PackedKey key_of(const HashedRow& row) {
  return {row.row.drawing_id, row.hash, row.row.id};
}

// The shortest key that is not less than the one of `last`, and less than that of `next`: a part of the latter, or the
// former.
std::string separator(const PackedKey& last, const PackedKey& next) {
  const Bytes below = last.bytes();
  const Bytes above = next.bytes();
  const auto differ = std::mismatch(below.begin(), below.end(), above.begin());
  const std::size_t size = static_cast<std::size_t>(differ.second - above.begin()) + 1;
  return std::string(size < above.size() ? above.substr(0, size) : below);
}

std::string last_key_of(const DrawingKey& drawing) {
  std::string key(PackedKey(drawing).bytes());
  key += PackedKey::kLastBlock;
  return key;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------ Insertion

std::optional<Conflict> PackedWriter::insert(const ComponentRow& row) {
  if (is_id_taken(row.id)) return Conflict{Conflict::On::id, row.id};
  const RowHash hash = layout_.hash_of(row);
  if (is_constrained(row)) {
    if (const auto holder = holder_of_key(hash, row)) return Conflict{Conflict::On::key, *holder};
  }
  buffer(hash, row);
  return std::nullopt;
}

void PackedWriter::buffer(RowHash hash, const ComponentRow& row) {
  if (has_waited_enough(waiting_.begins_run(row.drawing_id))) flush();
  if (is_constrained(row)) by_key_.add(hash_of_key(row.drawing_id, hash), waiting_.rows().size());
  waiting_.add(hash, row);
  if (knows_greatest_id_ && (!greatest_id_ || *greatest_id_ < row.id)) greatest_id_ = row.id;
}

bool PackedWriter::has_waited_enough(bool begins_drawing) const {
  const bool are_drawings = begins_drawing && waiting_.rows().size() >= waiting_.runs() * kRowsOfDrawingMin;
  return waiting_.bytes() > (are_drawings ? kDrawingsBytesMax : kWaitingBytesMax);
}

void PackedWriter::add_unchecked(const ComponentRow& row) {
  const bool begins_drawing = waiting_.begins_run(row.drawing_id);
  waits_without_ids_ = true;
  waiting_.add(layout_.hash_of(row), row);  // First: the row may borrow from the transaction.
  if (has_waited_enough(begins_drawing)) flush();
}

// Ids that ascend, as those that the store generates do, are free without a look.
bool PackedWriter::is_id_taken(const Uuid& id) {
  if (!knows_greatest_id_) {
    Cursor ids(transaction_, layout_.ids_);
    if (ids.last()) {
      if (ids.key().size() != sizeof(Uuid)) {
        engine::throw_corrupt_record({layout_.ids_.name, ids.key()}, "a key that is no id");
      }
      greatest_id_ = engine::uuid_from(ids.key());
    }
    for (const HashedRow& row : waiting_.rows()) {
      if (!greatest_id_ || *greatest_id_ < row.row.id) greatest_id_ = row.row.id;
    }
    knows_greatest_id_ = true;
  }
  if (!greatest_id_ || *greatest_id_ < id) return false;
  const Rows& rows = waiting_.rows();
  for (; indexed_by_id_ < rows.size(); ++indexed_by_id_) {
    by_id_.add(hash_of_id(rows[indexed_by_id_].row.id), indexed_by_id_);
  }
  if (by_id_.find(hash_of_id(id), [&](std::size_t at) { return rows[at].row.id == id; })) return true;
  if (written_ && !written_->ids.contains(hash_of_id(id))) return false;
  return transaction_.get(layout_.ids_, bytes_of(id)).has_value();
}

// The id of the row that has the key of this one.
std::optional<Uuid> PackedWriter::holder_of_key(RowHash hash, const ComponentRow& row) {
  const Rows& rows = waiting_.rows();
  const auto has_key = [&](std::size_t at) {
    const ComponentRow& other = rows[at].row;
    return other.drawing_id == row.drawing_id && other.piece_mark == row.piece_mark &&
           other.instance_identifier == row.instance_identifier;
  };
  const auto waiting = by_key_.find(hash_of_key(row.drawing_id, hash), has_key);
  if (waiting) return rows[*waiting].row.id;
  if (written_ ? !written_->keys.contains(hash_of_key(row.drawing_id, hash)) : !is_stored(row.drawing_id)) {
    return std::nullopt;
  }
  const auto stored = layout_.find(transaction_, row.drawing_id, row.piece_mark, row.instance_identifier);
  return stored ? std::optional(stored->id) : std::nullopt;
}

// Whether the drawing has rows that do not wait. Only asked where rows of a drawing come one after the other: else it
// saves no look.
bool PackedWriter::is_stored(const DrawingKey& drawing) {
  if (waiting_.begins_run(drawing)) return true;
  if (!asked_ || asked_->drawing != drawing) {
    const PackedKey key(drawing);
    const auto found = transaction_.seek(layout_.blocks_, key.bytes());
    asked_ = {drawing, found && key.has_drawing_of(found->key)};
  }
  return asked_->is_stored;
}

void PackedWriter::flush() {
  if (waiting_.rows().empty()) return;
  if (flushed_bytes_ > reserved_bytes_) {
    reserve_.emplace(transaction_.environment()->memory_to_reserve(kReservedBytes));
    reserved_bytes_ += kReservedBytes;
  }
  try {
    note_written();
    if (!waits_without_ids_) write_ids();
    write_blocks();
  } catch (...) {
    transaction_.give_up();
    throw;
  }
  flushed_bytes_ += waiting_.bytes();
  waiting_.clear();
  by_id_.clear();
  indexed_by_id_ = 0;
  by_key_.clear();
  asked_.reset();
}

void PackedWriter::note_written() {
  const bool is_random_load = flushed_bytes_ == 0 && waiting_.bytes() > kWaitingBytesMax &&
                              !waits_without_ids_ && transaction_.entries(layout_.ids_) == 0;
  if (is_random_load) written_ = std::make_unique<Written>();
  if (!written_) return;
  for (const HashedRow& row : waiting_.rows()) {
    written_->ids.add(hash_of_id(row.row.id));
    written_->keys.add(hash_of_key(row.row.drawing_id, row.hash));
  }
  if (written_->ids.count() > WrittenHashes::kMost) written_.reset();
}

void PackedWriter::write_ids() {
  RowPointers rows;
  rows.reserve(waiting_.rows().size());
  for (const HashedRow& row : waiting_.rows()) rows.push_back(&row);
  const auto ascends = [](const HashedRow* a, const HashedRow* b) { return a->row.id < b->row.id; };
  if (!std::is_sorted(rows.begin(), rows.end(), ascends)) std::sort(rows.begin(), rows.end(), ascends);
  engine::TableWriter writer(transaction_, layout_.ids_);
  // Ids behind all others spare the search for their place.
  bool is_appending = rows.size() > 1;
  for (const HashedRow* row : rows) {
    const PackedKey entry(row->row.drawing_id, row->hash);
    is_appending = is_appending && writer.append(bytes_of(row->row.id), entry.bytes());
    if (!is_appending) writer.put(bytes_of(row->row.id), entry.bytes());
  }
}

void PackedWriter::write_blocks() {
  RowPointers rows;
  rows.reserve(waiting_.rows().size());
  for (const HashedRow& row : waiting_.rows()) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const HashedRow* a, const HashedRow* b) {
    return a->row.drawing_id != b->row.drawing_id ? is_before(a->row.drawing_id, b->row.drawing_id) : *a < *b;
  });
  for (auto first = rows.begin(); first != rows.end();) {
    const DrawingKey& drawing = (*first)->row.drawing_id;
    const auto last =
        std::find_if(first, rows.end(), [&](const HashedRow* row) { return row->row.drawing_id != drawing; });
    write_drawing(drawing, &*first, &*first + (last - first));
    first = last;
  }
}

// Rows of one drawing, sorted: into the blocks that are there, or into fresh ones.
void PackedWriter::write_drawing(const DrawingKey& drawing, const HashedRow* const* first,
                                 const HashedRow* const* last) {
  while (first != last) {
    const auto block = open(key_of(**first));
    if (!block) {
      replace_blocks({}, encoded(drawing, {first, last}, last_key_of(drawing), kFreshCapacity));
      return;
    }
    const auto* const end =
        std::find_if(first, last, [&](const HashedRow* row) { return key_of(*row).bytes() > block->key; });
    RowPointers rows;
    rows.reserve(block->rows->size() + static_cast<std::size_t>(end - first));
    for (const HashedRow& row : *block->rows) {
      while (first != end && **first < row) rows.push_back(*first++);
      rows.push_back(&row);
    }
    rows.insert(rows.end(), first, end);
    first = end;
    store(drawing, *block, rows);
  }
}

// ------------------------------------------------------------------------------------------------ Other changes

std::optional<Conflict> PackedWriter::replace(const ComponentRow& before, const ComponentRow& after) {
  flush();
  const bool id_changes = before.id != after.id;
  const bool key_changes = before.drawing_id != after.drawing_id || before.piece_mark != after.piece_mark ||
                           before.instance_identifier != after.instance_identifier;
  if (id_changes && is_id_taken(after.id)) return Conflict{Conflict::On::id, after.id};
  const RowHash hash = layout_.hash_of(after);
  if (key_changes && is_constrained(after)) {
    if (const auto holder = holder_of_key(hash, after)) return Conflict{Conflict::On::key, *holder};
  }
  if (id_changes || key_changes) {
    erase(before);
    buffer(hash, after);
    flush();
    return std::nullopt;
  }
  const HashedRow row{hash, after};
  edit(row, [&](RowPointers& /*rows*/, RowPointers::iterator at) { *at = &row; });
  return std::nullopt;
}

void PackedWriter::erase(const ComponentRow& row) {
  flush();
  edit({layout_.hash_of(row), row}, [](RowPointers& rows, RowPointers::iterator at) { rows.erase(at); });
  transaction_.erase(layout_.ids_, bytes_of(row.id));
  asked_.reset();
}

// Changes the rows of the block that holds a stored row, given where it lies among them.
template <class Change>
void PackedWriter::edit(const HashedRow& stored, const Change& change) {
  const auto block = open(key_of(stored));
  RowPointers rows;
  if (block) {
    for (const HashedRow& row : *block->rows) rows.push_back(&row);
  }
  const auto at = std::find_if(rows.begin(), rows.end(),
                               [&](const HashedRow* row) { return row->row.id == stored.row.id; });
  if (at == rows.end()) {
    engine::throw_corrupt_record({layout_.ids_.name, bytes_of(stored.row.id)},
                                 "an entry for a component that is not there");
  }
  change(rows, at);
  store(stored.row.drawing_id, *block, rows);
}

std::uint64_t PackedWriter::erase_drawing(const Uuid& drawing) {
  flush();
  std::vector<Uuid> ids;
  const PackedKey key(drawing);
  Cursor cursor(transaction_, layout_.blocks_);
  for (bool found = cursor.seek(key.bytes()); found && key.has_drawing_of(cursor.key());
       found = cursor.next()) {
    const Block block = layout_.block_of({cursor.key(), cursor.value()});
    ComponentRow row;
    for (std::size_t i = 0; i < block.count(); ++i) {
      block.read(i, row);  // With its checksum: a damaged id would take the entry of another row along.
      ids.push_back(row.id);
    }
  }
  transaction_.erase_prefix(layout_.blocks_, key.bytes());
  std::sort(ids.begin(), ids.end());
  for (const Uuid& id : ids) transaction_.erase(layout_.ids_, bytes_of(id));
  asked_.reset();
  return ids.size();
}

// --------------------------------------------------------------------------------------------------------- Blocks

// The block that holds, or would hold, the row with this key; nullopt where the drawing has no rows.
std::optional<PackedWriter::OpenBlock> PackedWriter::open(const PackedKey& key) {
  const auto found = transaction_.seek(layout_.blocks_, key.bytes());
  if (!found || !key.has_drawing_of(found->key)) return std::nullopt;
  return open(*found, rows_at_hand_);
}

PackedWriter::OpenBlock PackedWriter::open(const engine::ReadTransaction::Entry& entry, Rows& rows) const {
  const Block block = layout_.block_of(entry);
  rows.resize(block.count());
  for (std::size_t i = 0; i < block.count(); ++i) {
    rows[i].hash = block.hash(i);
    block.read(i, rows[i].row);
  }
  return {std::string(entry.key), entry.value.size(), &rows};
}

// The block beside another one of the same drawing, if there is one that is not larger than `size_max`.
std::optional<PackedWriter::OpenBlock> PackedWriter::neighbour(const DrawingKey& drawing,
                                                               const OpenBlock& block, Side side,
                                                               std::size_t size_max) {
  Cursor cursor(transaction_, layout_.blocks_);
  if (!cursor.seek(block.key)) return std::nullopt;
  const bool found = side == Side::left ? cursor.previous() : cursor.next();
  if (!found || !PackedKey(drawing).has_drawing_of(cursor.key()) || cursor.value().size() > size_max) {
    return std::nullopt;
  }
  return open({cursor.key(), cursor.value()}, rows_beside_);
}

// Puts these rows in the place of those of the block.
void PackedWriter::store(const DrawingKey& drawing, const OpenBlock& block, const RowPointers& rows) {
  if (rows.empty()) {
    // The last block of a drawing stays the last: the one before takes its place.
    const bool is_last = block.key.back() == PackedKey::kLastBlock;
    const auto left = is_last ? neighbour(drawing, block, Side::left, SIZE_MAX) : std::nullopt;
    if (!left) {
      replace_blocks({&block.key}, {});
      return;
    }
    RowPointers moved;
    for (const HashedRow& row : *left->rows) moved.push_back(&row);
    replace_blocks({&left->key, &block.key}, encoded(drawing, moved, block.key, kBlockCapacity));
    return;
  }
  auto blocks = encoded(drawing, rows, block.key, kBlockCapacity);
  const bool has_shrunk = blocks.size() == 1 && blocks[0].bytes.size() < block.size;
  const bool is_small = has_shrunk && blocks[0].bytes.size() < kSmallSize;
  const bool is_tiny = has_shrunk && blocks[0].bytes.size() < kTinySize;
  const bool overflows = blocks.size() == 2;
  if (is_small && store_with_neighbour(drawing, block, rows, kMergedSizeMax - blocks[0].bytes.size())) return;
  if (is_tiny && store_with_neighbour(drawing, block, rows, kBlockCapacity)) return;
  if (overflows && store_with_neighbour(drawing, block, rows, kRoomySizeMax)) return;
  if (blocks.size() > 1) blocks = encoded_evenly(drawing, rows, block.key);
  replace_blocks({&block.key}, blocks);
}

// Puts the rows together with those of a neighbour that is not larger than `size_max`. False, and nothing changed, where
// there is none.
bool PackedWriter::store_with_neighbour(const DrawingKey& drawing, const OpenBlock& block,
                                        const RowPointers& rows, std::size_t size_max) {
  for (const Side side : {Side::right, Side::left}) {
    const auto beside = neighbour(drawing, block, side, size_max);
    if (!beside) continue;
    RowPointers all;
    all.reserve(rows.size() + beside->rows->size());
    for (const HashedRow& row : *beside->rows) all.push_back(&row);
    all.insert(side == Side::left ? all.end() : all.begin(), rows.begin(), rows.end());
    const std::string& last_key = side == Side::left ? block.key : beside->key;
    replace_blocks({&block.key, &beside->key}, encoded_evenly(drawing, all, last_key));
    return true;
  }
  return false;
}

// The rows in as few blocks as hold them, each as full as `capacity` allows; the last one gets this key.
std::vector<PackedWriter::EncodedBlock> PackedWriter::encoded(const DrawingKey& drawing,
                                                              const RowPointers& rows,
                                                              const std::string& last_key,
                                                              std::size_t capacity) {
  std::vector<EncodedBlock> blocks;
  const auto finish = [&](std::string key) {
    EncodedBlock& block = blocks.emplace_back(EncodedBlock{std::move(key), {}});
    builder_.finish({layout_.blocks_.name, block.key}, block.bytes);
  };
  const HashedRow* before = nullptr;
  for (const HashedRow* row : rows) {
    if (!builder_.add(*row, capacity)) {
      finish(separator({drawing, before->hash, before->row.id}, {drawing, row->hash, row->row.id}));
      builder_.add(*row, capacity);
    }
    before = row;
  }
  if (!builder_.is_empty()) finish(last_key);
  return blocks;
}

// The same in blocks of about the same size, so that all have room.
std::vector<PackedWriter::EncodedBlock> PackedWriter::encoded_evenly(const DrawingKey& drawing,
                                                                     const RowPointers& rows,
                                                                     const std::string& last_key) {
  auto blocks = encoded(drawing, rows, last_key, kBlockCapacity);
  if (blocks.size() < 2) return blocks;
  std::size_t bytes = 0;
  for (const EncodedBlock& block : blocks) bytes += block.bytes.size();
  // The rows of a block are not all of one size: a little more keeps the last block from being cut short.
  const std::size_t share = bytes / blocks.size() + bytes / rows.size();
  return encoded(drawing, rows, last_key, std::min(share, kBlockCapacity));
}

void PackedWriter::replace_blocks(std::initializer_list<const std::string*> old_keys,
                                  const std::vector<EncodedBlock>& blocks) {
  for (const std::string* key : old_keys) {
    const bool stays =
        std::any_of(blocks.begin(), blocks.end(), [&](const EncodedBlock& b) { return b.key == *key; });
    if (!stays) transaction_.erase(layout_.blocks_, *key);
  }
  for (const EncodedBlock& block : blocks) transaction_.put(layout_.blocks_, block.key, block.bytes);
}

// ------------------------------------------------------------------------------------------------------- Layout

std::unique_ptr<LayoutWriter> PackedLayout::writer(engine::WriteTransaction& transaction) const {
  return std::make_unique<PackedWriter>(*this, transaction);
}

}  // namespace piecemark::index
