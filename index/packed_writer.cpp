#include "packed_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/bytes.h"
#include "engine/environment.h"
#include "engine/key.h"
#include "engine/os.h"

namespace piecemark::index {

using engine::Bytes;

// ---------------------------------------------------------------------------------------------------- Statements

std::optional<Conflict> PackedWriter::plan_insert(const ComponentRow& row, engine::Batch& /*batch*/) {
  if (const auto conflict = conflict_of_id(row.id)) return conflict;
  const RowHash hash = layout_.hash_of(row);
  const bool must_be_unique = layout_.is_constrained(row.drawing_id, row.instance_identifier);
  if (must_be_unique) {
    if (const auto conflict = conflict_of_key(hash, row)) return conflict;
  }
  if (is_buffer_full(row.drawing_id)) empty_full_buffer();
  buffer_.add(hash, row, must_be_unique);
  if (greatest_id_->id < row.id) greatest_id_->id = row.id;
  return std::nullopt;
}

std::optional<Conflict> PackedWriter::plan_replace(const ComponentRow& before, const ComponentRow& after,
                                                   engine::Batch& batch) {
  flush();
  const bool id_changes = before.id != after.id;
  const bool key_changes = before.drawing_id != after.drawing_id || before.piece_mark != after.piece_mark ||
                           before.instance_identifier != after.instance_identifier;
  if (id_changes) {
    if (const auto conflict = conflict_of_id(after.id)) return conflict;
  }
  const HashedRow hashed{layout_.hash_of(after), after};
  if (key_changes && layout_.is_constrained(after.drawing_id, after.instance_identifier)) {
    if (const auto conflict = conflict_of_key(hashed.hash, after)) return conflict;
  }
  if (id_changes || key_changes) {
    plan_move({layout_.hash_of(before), before}, hashed, batch);
  } else {
    tables_.plan_row(BlockChange::replace, hashed, batch);
  }
  return std::nullopt;
}

// Gives a row another place in one of the tables, or in both.
void PackedWriter::plan_move(const HashedRow& before, const HashedRow& after, engine::Batch& batch) {
  note(after);
  tables_.plan_row(BlockChange::erase, before, batch);
  tables_.plan_row(BlockChange::insert, after, batch);
  std::vector<IdEntry> added{{after.row.id, after.row.drawing_id, after.hash}};
  if (before.row.id == after.row.id) {
    tables_.plan_ids(BlockChange::replace, added, batch);
    return;
  }
  std::vector<IdEntry> gone{{before.row.id, before.row.drawing_id, before.hash}};
  tables_.plan_ids(BlockChange::erase, gone, batch);
  tables_.plan_ids(BlockChange::insert, added, batch);
}

void PackedWriter::plan_erase(const ComponentRow& row, engine::Batch& batch) {
  flush();
  last_lookup_.reset();
  const RowHash hash = layout_.hash_of(row);
  tables_.plan_row(BlockChange::erase, {hash, row}, batch);
  std::vector<IdEntry> gone{{row.id, row.drawing_id, hash}};
  tables_.plan_ids(BlockChange::erase, gone, batch);
}

std::uint64_t PackedWriter::plan_erase_drawing(const Uuid& drawing, engine::Batch& batch) {
  flush();
  last_lookup_.reset();
  std::vector<IdEntry> ids;
  // Every row with its checksum: a damaged id would take the entry of another row along.
  const auto rows = layout_.in_drawing(transaction_, drawing, Layout::Order::any);
  for (ComponentRow row; rows->next(row);) ids.push_back({row.id, drawing, layout_.hash_of(row)});
  const PackedKey prefix(drawing);
  engine::Cursor blocks(transaction_, layout_.blocks_);
  for (bool found = blocks.seek(prefix.bytes()); found && prefix.has_drawing_of(blocks.key());
       found = blocks.next()) {
    batch.erase(layout_.blocks_, blocks.key());
  }
  const auto count = ids.size();
  tables_.plan_ids(BlockChange::erase, ids, batch);
  return count;
}

// ------------------------------------------------------------------------------------------------ What is there

// Ids that ascend, as those that the store generates do, are free without a look.
std::optional<Conflict> PackedWriter::conflict_of_id(const Uuid& id) {
  if (!greatest_id_) greatest_id_ = GreatestId{layout_.ids_.greatest(transaction_)};
  if (greatest_id_->id < id) return std::nullopt;
  if (buffer_.has_id(id)) return Conflict{Conflict::On::id, id};
  if (const auto* sorting = std::get_if<Sorting>(&mode_)) {
    if (!sorting->known.may_have_id(id)) return std::nullopt;
    write_sorted();
  } else if (const auto* known = std::get_if<KnownRows>(&mode_)) {
    if (!known->may_have_id(id)) return std::nullopt;
  }
  if (!layout_.ids_.find(transaction_, id)) return std::nullopt;
  return Conflict{Conflict::On::id, id};
}

std::optional<Conflict> PackedWriter::conflict_of_key(RowHash hash, const ComponentRow& row) {
  const DrawingKey& drawing = row.drawing_id;
  if (const auto holder = buffer_.holder_of_key(hash, row)) return Conflict{Conflict::On::key, *holder};
  if (const auto* sorting = std::get_if<Sorting>(&mode_)) {
    if (!sorting->known.may_have_key(drawing, hash)) return std::nullopt;
    write_sorted();
  } else if (const auto* known = std::get_if<KnownRows>(&mode_)) {
    if (!known->may_have_key(drawing, hash)) return std::nullopt;
  } else if (!is_stored(drawing)) {
    return std::nullopt;
  }
  const auto stored = layout_.find(transaction_, drawing, row.piece_mark, row.instance_identifier);
  return stored ? std::optional(Conflict{Conflict::On::key, stored->id}) : std::nullopt;
}

// Whether the drawing has rows that are not buffered. Only looked up where rows of a drawing come one after the other:
// else it saves no look.
bool PackedWriter::is_stored(const DrawingKey& drawing) {
  if (buffer_.rows().begins_run(drawing)) return true;
  if (!last_lookup_ || last_lookup_->drawing != drawing) {
    const PackedKey key(drawing);
    const auto found = transaction_.seek(layout_.blocks_, key.bytes());
    last_lookup_ = {drawing, found && key.has_drawing_of(found->key)};
  }
  return last_lookup_->is_stored;
}

// Before a row goes to the tables by itself. Should it not come to that, this much more is looked up.
void PackedWriter::note(const HashedRow& row) {
  if (auto* known = std::get_if<KnownRows>(&mode_)) known->add(row);
  last_lookup_.reset();
  if (greatest_id_ && greatest_id_->id < row.row.id) greatest_id_->id = row.row.id;
}

// ------------------------------------------------------------------------------------------------- Buffered rows

bool PackedWriter::is_buffer_full(const DrawingKey& next_drawing) const {
  const std::size_t bytes_max = std::holds_alternative<Sorting>(mode_)
                                    ? std::min(RowBuffer::kFewBytes, layout_.buffered_bytes_max_)
                                    : layout_.buffered_bytes_max_;
  return buffer_.rows().is_full(bytes_max, buffer_.rows().begins_run(next_drawing));
}

void PackedWriter::empty_full_buffer() {
  if (std::holds_alternative<Merging>(mode_)) begin_load();
  auto* const sorting = std::get_if<Sorting>(&mode_);
  if (sorting == nullptr) return write_buffer();
  sort_buffer(*sorting);
  if (sorting->known.are_too_many()) {
    write_sorted();
    mode_ = Merging{};
  }
}

// Only in random order do so many rows come together before they are written.
void PackedWriter::begin_load() {
  const bool is_empty = transaction_.entries(layout_.ids_.table()) == 0;
  if (!is_empty || buffer_.rows().bytes() <= layout_.buffered_bytes_max_) return;
  const std::string folder = transaction_.environment()->folder();
  if (engine::os::can_create_in(folder)) {
    mode_ = Sorting(folder);
  } else {
    mode_ = KnownRows();
  }
}

void PackedWriter::flush() {
  if (auto* const sorting = std::get_if<Sorting>(&mode_)) {
    sort_buffer(*sorting);
    write_sorted();
  } else {
    write_buffer();
  }
}

void PackedWriter::write_buffer() {
  if (buffer_.is_empty()) return;
  engine::PoisonGuard guard(transaction_);
  tables_.insert_ids(buffer_.rows());
  tables_.insert_rows(buffer_.rows());
  if (auto* const known = std::get_if<KnownRows>(&mode_)) {
    known->add(buffer_.rows());
    if (known->are_too_many()) mode_ = Merging{};
  }
  buffer_.clear();
  last_lookup_.reset();
  guard.finish();
}

void PackedWriter::sort_buffer(Sorting& sorting) {
  engine::PoisonGuard guard(transaction_);
  sorting.known.add(buffer_.rows());
  sorting.sorters->add(buffer_.rows());
  buffer_.clear();
  guard.finish();
}

// Writes the rows in the sorters. Those in the buffer stay there.
void PackedWriter::write_sorted() {
  engine::PoisonGuard guard(transaction_);
  auto& sorting = std::get<Sorting>(mode_);
  RowBuffer rows;
  sorting.sorters->rows.rewind();
  for (ComponentRow row; sorting.sorters->rows.next(row);) {
    const std::size_t bytes_max =
        rows.begins_run(row.drawing_id) ? RowBuffer::kFewBytes : layout_.buffered_bytes_max_;
    if (rows.bytes() > bytes_max) {
      tables_.insert_rows(rows);
      rows.clear();
    }
    rows.add(layout_.hash_of(row), row);
  }
  tables_.insert_rows(rows);

  PackedIds::Filler ids(transaction_, layout_.ids_);
  sorting.sorters->ids.rewind();
  for (Bytes entry; sorting.sorters->ids.next(entry);) {
    IdEntry id{engine::uuid_from(entry), {}, 0};
    if (!PackedKey::read(entry.substr(sizeof(Uuid)), id.drawing, id.hash))
      engine::throw_changed_while_sorting();
    ids.add(id);
  }
  ids.finish();
  mode_ = KnownRows(std::move(std::get<Sorting>(mode_).known));
  last_lookup_.reset();
  guard.finish();
}

// ------------------------------------------------------------------------------------------------------- Layout

std::unique_ptr<LayoutWriter> PackedLayout::writer(engine::WriteTransaction& transaction) const {
  return std::make_unique<PackedWriter>(*this, transaction);
}

}  // namespace piecemark::index
