#include "packed_writer.h"

#include <algorithm>
#include <utility>

#include "engine/bytes.h"
#include "engine/environment.h"
#include "engine/os.h"

namespace piecemark::index {
namespace {

using engine::Bytes;
using engine::bytes_of;

// Where whole drawings come one after the other, and where rows are sorted later, little is to be gained from more than
// the processor's cache holds.
constexpr std::size_t kFewBytes = std::size_t{2} << 20;
constexpr std::size_t kRowsOfDrawingMin = 8;  // on average
// After its first flush a transaction is large: it will need memory for pages, so much at a time.
constexpr std::uint64_t kReservedBytes = std::uint64_t{64} << 20;

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
  if (has_waited_enough(waiting_.begins_run(row.drawing_id))) make_room();
  try {
    waiting_.add(hash, row);
    if (is_constrained(row)) by_key_.add(hash_of_key(row.drawing_id, hash), waiting_.rows().size() - 1);
  } catch (...) {
    transaction_.give_up();  // A row that no look-up finds would let in a second one.
    throw;
  }
  if (knows_greatest_id_ && (!greatest_id_ || *greatest_id_ < row.id)) greatest_id_ = row.id;
}

bool PackedWriter::has_waited_enough(bool begins_drawing) const {
  const bool are_drawings = begins_drawing && waiting_.rows().size() >= waiting_.runs() * kRowsOfDrawingMin;
  const bool few_will_do = are_drawings || sorted_;
  return waiting_.bytes() >
         (few_will_do ? std::min(kFewBytes, layout_.waiting_bytes_max_) : layout_.waiting_bytes_max_);
}

void PackedWriter::add_unchecked(const ComponentRow& row) {
  const bool begins_drawing = waiting_.begins_run(row.drawing_id);
  waits_without_ids_ = true;
  waiting_.add(layout_.hash_of(row), row);  // First: the row may borrow from the transaction.
  if (has_waited_enough(begins_drawing)) write_waiting();
}

// Ids that ascend, as those that the store generates do, are free without a look.
bool PackedWriter::is_id_taken(const Uuid& id) {
  if (!knows_greatest_id_) {
    greatest_id_ = layout_.ids_.greatest(transaction_);
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
  if (seen_ && !seen_->ids.contains(hash_of_id(id))) return false;
  write_sorted();
  return layout_.ids_.find(transaction_, id).has_value();
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
  if (seen_ ? !seen_->keys.contains(hash_of_key(row.drawing_id, hash)) : !is_stored(row.drawing_id)) {
    return std::nullopt;
  }
  write_sorted();
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
  if (sorted_) {
    sort_waiting();
    write_sorted();
  } else {
    write_waiting();
  }
}

void PackedWriter::make_room() {
  if (flushed_bytes_ == 0 && !sorted_) begin_random_load();
  if (!sorted_) return write_waiting();
  sort_waiting();
  if (!seen_) write_sorted();  // Too many to go on like that.
}

void PackedWriter::begin_random_load() {
  const bool is_empty = transaction_.entries(layout_.ids_.table()) == 0;
  if (!is_empty || waiting_.bytes() <= layout_.waiting_bytes_max_) return;
  const std::string folder = transaction_.environment()->folder();
  seen_ = std::make_unique<Seen>();
  if (engine::os::can_create_in(folder)) sorted_ = std::make_unique<Sorted>(folder);
}

void PackedWriter::write_waiting() {
  if (waiting_.rows().empty()) return;
  try {
    note_hashes();
    if (!waits_without_ids_) write_ids();
    write_blocks(waiting_);
  } catch (...) {
    transaction_.give_up();
    throw;
  }
  forget_waiting();
}

void PackedWriter::sort_waiting() {
  try {
    note_hashes();
    std::string entry;
    for (const HashedRow& row : waiting_.rows()) {
      sorted_->rows.add(RowBlocks::key_of(row).bytes(), row.row);
      entry.assign(bytes_of(row.row.id));
      sorted_->ids.add(entry.append(PackedKey(row.row.drawing_id, row.hash).bytes()));
    }
  } catch (...) {
    transaction_.give_up();
    throw;
  }
  forget_waiting();
}

// Rows that wait in memory go on waiting.
void PackedWriter::write_sorted() {
  if (!sorted_) return;
  try {
    write_sorted_rows();
    PackedIds::Filler ids(transaction_, layout_.ids_);
    sorted_->ids.rewind();
    for (Bytes entry; sorted_->ids.next(entry);) {
      IdEntry id{engine::uuid_from(entry), {}, 0};
      if (!PackedKey::read(entry.substr(sizeof(Uuid)), id.drawing, id.hash))
        engine::throw_changed_while_sorting();
      ids.add(id);
    }
    ids.finish();
  } catch (...) {
    transaction_.give_up();
    throw;
  }
  sorted_.reset();
  asked_.reset();
}

void PackedWriter::write_sorted_rows() {
  RowBuffer rows;
  sorted_->rows.rewind();
  for (ComponentRow row; sorted_->rows.next(row);) {
    const std::size_t bytes_max = rows.begins_run(row.drawing_id) ? kFewBytes : layout_.waiting_bytes_max_;
    if (rows.bytes() > bytes_max) {
      write_blocks(rows);
      rows.clear();
    }
    rows.add(layout_.hash_of(row), row);
  }
  write_blocks(rows);
}

void PackedWriter::note_hashes() {
  if (!seen_) return;
  for (const HashedRow& row : waiting_.rows()) {
    seen_->ids.add(hash_of_id(row.row.id));
    seen_->keys.add(hash_of_key(row.row.drawing_id, row.hash));
  }
  if (seen_->ids.count() > SeenHashes::kMost) seen_.reset();
}

void PackedWriter::forget_waiting() {
  waiting_.clear();
  by_id_.clear();
  indexed_by_id_ = 0;
  by_key_.clear();
  asked_.reset();
}

void PackedWriter::reserve_memory(const RowBuffer& buffer) {
  if (flushed_bytes_ > reserved_bytes_) {
    reserve_.emplace(transaction_.environment()->memory_to_reserve(kReservedBytes));
    reserved_bytes_ += kReservedBytes;
  }
  flushed_bytes_ += buffer.bytes();
}

void PackedWriter::write_ids() {
  std::vector<IdEntry> entries;
  entries.reserve(waiting_.rows().size());
  for (const HashedRow& row : waiting_.rows()) entries.push_back({row.row.id, row.row.drawing_id, row.hash});
  change_ids(BlockChange::insert, entries);
}

void PackedWriter::change_ids(BlockChange change, std::vector<IdEntry>& entries) {
  if (!std::is_sorted(entries.begin(), entries.end(), IdBlocks::is_before)) {
    std::sort(entries.begin(), entries.end(), IdBlocks::is_before);
  }
  std::vector<const IdEntry*> pointers;
  pointers.reserve(entries.size());
  for (const IdEntry& entry : entries) pointers.push_back(&entry);
  ids_.change(change, IdBlocks::scope(), pointers.data(), pointers.data() + pointers.size());
}

void PackedWriter::write_blocks(const RowBuffer& buffer) {
  reserve_memory(buffer);
  RowPointers rows;
  rows.reserve(buffer.rows().size());
  for (const HashedRow& row : buffer.rows()) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const HashedRow* a, const HashedRow* b) {
    return a->row.drawing_id != b->row.drawing_id ? is_before(a->row.drawing_id, b->row.drawing_id) : *a < *b;
  });
  for (auto first = rows.begin(); first != rows.end();) {
    const DrawingKey& drawing = (*first)->row.drawing_id;
    const auto last =
        std::find_if(first, rows.end(), [&](const HashedRow* row) { return row->row.drawing_id != drawing; });
    blocks_.change(BlockChange::insert, RowBlocks::scope_of(drawing), &*first, &*first + (last - first));
    first = last;
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
  change_row(BlockChange::replace, {hash, after});
  return std::nullopt;
}

void PackedWriter::erase(const ComponentRow& row) {
  flush();
  const RowHash hash = layout_.hash_of(row);
  change_row(BlockChange::erase, {hash, row});
  std::vector<IdEntry> entry{{row.id, row.drawing_id, hash}};
  change_ids(BlockChange::erase, entry);
  asked_.reset();
}

void PackedWriter::change_row(BlockChange change, const HashedRow& row) {
  const HashedRow* const pointer = &row;
  blocks_.change(change, RowBlocks::scope_of(row.row.drawing_id), &pointer, &pointer + 1);
}

std::uint64_t PackedWriter::erase_drawing(const Uuid& drawing) {
  flush();
  std::vector<IdEntry> ids;
  // Every row with its checksum: a damaged id would take the entry of another row along.
  const auto rows = layout_.in_drawing(transaction_, drawing, Layout::Order::any);
  for (ComponentRow row; rows->next(row);) ids.push_back({row.id, drawing, layout_.hash_of(row)});
  transaction_.erase_prefix(layout_.blocks_, PackedKey(drawing).bytes());
  const auto count = ids.size();
  change_ids(BlockChange::erase, ids);
  asked_.reset();
  return count;
}

// ------------------------------------------------------------------------------------------------------- Layout

std::unique_ptr<LayoutWriter> PackedLayout::writer(engine::WriteTransaction& transaction) const {
  return std::make_unique<PackedWriter>(*this, transaction);
}

}  // namespace piecemark::index
