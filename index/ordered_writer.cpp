#include "ordered_writer.h"

#include <algorithm>
#include <vector>

#include "engine/absence.h"
#include "engine/batch.h"
#include "engine/environment.h"
#include "engine/record.h"

namespace piecemark::index {

using engine::Bytes;
using engine::bytes_of;

void OrderedWriter::plan_row(const ComponentRow& row, engine::Batch& batch) const {
  const engine::RecordPlace place{layout_.rows_.name, bytes_of(row.id)};
  engine::encode_record(place, row, layout_.format_.class_version, batch.put(layout_.rows_, place.key));
}

void OrderedWriter::plan_entry(const std::string& key, const Uuid& id, engine::Batch& batch) const {
  layout_.write_entry(key, id, batch.put(layout_.unique_, key));
}

std::optional<Conflict> OrderedWriter::conflict_of(const Uuid& id) const {
  if (!engine::get_sealed(transaction_, layout_.rows_, bytes_of(id))) return std::nullopt;
  return Conflict{Conflict::On::id, id};
}

std::optional<Conflict> OrderedWriter::conflict_of(const std::string& key) const {
  const auto entry = engine::get_sealed(transaction_, layout_.unique_, key);
  if (!entry) return std::nullopt;
  return Conflict{Conflict::On::key, layout_.decode_entry(key, *entry)};
}

std::optional<Conflict> OrderedWriter::plan_insert(const ComponentRow& row, engine::Batch& batch) {
  if (const auto conflict = conflict_of(row.id)) return conflict;
  const std::string key = layout_.key_of(row);
  if (const auto conflict = conflict_of(key)) return conflict;
  plan_row(row, batch);
  plan_entry(key, row.id, batch);
  return std::nullopt;
}

std::optional<Conflict> OrderedWriter::plan_replace(const ComponentRow& before, const ComponentRow& after,
                                                    engine::Batch& batch) {
  const bool id_changes = before.id != after.id;
  if (id_changes) {
    if (const auto conflict = conflict_of(after.id)) return conflict;
  }
  const std::string key_before = layout_.key_of(before);
  const std::string key_after = layout_.key_of(after);
  if (key_after != key_before) {
    if (const auto conflict = conflict_of(key_after)) return conflict;
    batch.erase(layout_.unique_, key_before);
  }
  if (id_changes) batch.erase(layout_.rows_, bytes_of(before.id));
  if (id_changes || key_after != key_before) plan_entry(key_after, after.id, batch);
  plan_row(after, batch);
  return std::nullopt;
}

void OrderedWriter::plan_erase(const ComponentRow& row, engine::Batch& batch) {
  batch.erase(layout_.unique_, layout_.key_of(row));
  batch.erase(layout_.rows_, bytes_of(row.id));
}

std::uint64_t OrderedWriter::plan_erase_drawing(const Uuid& drawing, engine::Batch& batch) {
  std::vector<Uuid> ids;
  const auto rows = layout_.in_drawing(transaction_, drawing, Layout::Order::any);
  for (ComponentRow row; rows->next(row);) {
    batch.erase(layout_.unique_, layout_.key_of(row));
    ids.push_back(row.id);
  }
  std::sort(ids.begin(), ids.end());  // A batch is filled fastest in the order of the keys.
  for (const Uuid& id : ids) batch.erase(layout_.rows_, bytes_of(id));
  return ids.size();
}

void OrderedBulkWriter::Seen::add(Bytes key, const Uuid& id) {
  ++count;
  hash += engine::hash_of(key, bytes_of(id));
}

void OrderedBulkWriter::add(const ComponentRow& row) {
  const Uuid id = row.id;
  layout_.write_key({row.drawing_id, row.piece_mark, row.instance_identifier, id}, key_);
  rows_seen_.add(key_.bytes(), id);
  const engine::RecordPlace place{layout_.rows_.name, bytes_of(id)};
  engine::encode_record(place, row, layout_.format_.class_version, value_);
  // Last: the row may borrow from the transaction.
  if (!records_.append(place.key, value_)) throw_not_ascending("rows", id);
}

void OrderedBulkWriter::add_key(const RowKey& key) {
  layout_.write_key(key, key_);
  keys_seen_.add(key_.bytes(), key.id);
  const Uuid id = key.id;
  layout_.write_entry(key_.bytes(), id, value_);
  if (!entries_.append(key_.bytes(), value_)) throw_not_ascending("keys", id);
}

void OrderedBulkWriter::finish() {
  if (rows_seen_ == keys_seen_) return;
  throw Error(ErrorCode::corrupt_file,
              {writing(),
               std::to_string(rows_seen_.count) + " rows and " + std::to_string(keys_seen_.count) +
                   " keys that do not belong together",
               {},
               "run 'piecemark verify' on the file and go back to a backup"});
}

std::string OrderedBulkWriter::writing() const {
  return "cannot write table '" + std::string(layout_.unique_.name) + "'";
}

void OrderedBulkWriter::throw_not_ascending(const char* what, const Uuid& id) const {
  throw Error(ErrorCode::corrupt_file,
              {writing(),
               std::string(what) + " that are not in ascending order, at component " + id.to_string(),
               {},
               "run 'piecemark verify' on the file and go back to a backup"});
}

std::unique_ptr<LayoutWriter> OrderedLayout::writer(engine::WriteTransaction& transaction) const {
  return std::make_unique<OrderedWriter>(*this, transaction);
}

void OrderedLayout::fill(engine::WriteTransaction& transaction, const Layout& source,
                         const engine::ReadTransaction& from, const FillWatch& watch) const {
  OrderedBulkWriter writer(*this, transaction);
  watch.on_pass(FillWatch::Pass::index);
  const auto keys = source.all_keys(from);
  for (RowKey key; keys->next(key); watch.on_row()) writer.add_key(key);
  watch.on_pass(FillWatch::Pass::rows);
  const auto rows = source.all_by_id(from, transaction.environment()->folder());
  for (ComponentRow row; rows->next(row); watch.on_row()) writer.add(row);
  writer.finish();
}

}  // namespace piecemark::index
