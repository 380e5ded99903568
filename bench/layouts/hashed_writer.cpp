// Changes to the hashed layout: row by row, and all at once into empty tables.
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/environment.h"
#include "engine/record.h"
#include "engine/sorter.h"
#include "filling.h"
#include "hashed.h"

namespace piecemark::bench {

using engine::Batch;
using engine::Bytes;
using engine::bytes_of;
using engine::WriteTransaction;
using index::Conflict;
using index::FillWatch;

class HashedWriter final : public index::LayoutWriter {
 public:
  HashedWriter(const HashedLayout& layout, WriteTransaction& transaction)
      : LayoutWriter(transaction), layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> plan_insert(const ComponentRow& row, Batch& batch) override;
  std::optional<Conflict> plan_replace(const ComponentRow& before, const ComponentRow& after,
                                       Batch& batch) override;
  void plan_erase(const ComponentRow& row, Batch& batch) override;
  std::uint64_t plan_erase_drawing(const Uuid& drawing, Batch& batch) override;
  void flush() override {}  // No row is buffered.

 private:
  // The id of the row that keeps this one's key.
  std::optional<Uuid> holder_of_key(const ComponentRow& row) const;
  static void plan_entry(const engine::Table& table, const std::string& key, Batch& batch);

  const HashedLayout& layout_;
  const engine::ReadTransaction& transaction_;
};

std::optional<Uuid> HashedWriter::holder_of_key(const ComponentRow& row) const {
  if (!layout_.keys_.is_constrained(row.drawing_id, row.instance_identifier)) return std::nullopt;
  const auto holder = layout_.find(transaction_, row.drawing_id, row.piece_mark, row.instance_identifier);
  return holder ? std::optional(holder->id) : std::nullopt;
}

void HashedWriter::plan_entry(const engine::Table& table, const std::string& key, Batch& batch) {
  HashedLayout::write_entry(table, key, batch.put(table, key));
}

// A row that is in the way by its id is the answer, whoever has the key.
std::optional<Conflict> HashedWriter::plan_insert(const ComponentRow& row, Batch& batch) {
  if (transaction_.get(layout_.rows_, bytes_of(row.id))) return Conflict{Conflict::On::id, row.id};
  if (const auto holder = holder_of_key(row)) return Conflict{Conflict::On::key, *holder};
  layout_.encode(row, batch.put(layout_.rows_, bytes_of(row.id)));
  plan_entry(layout_.hashes_, layout_.hash_key_of(row), batch);
  plan_entry(layout_.drawings_, HashedLayout::drawing_key_of(row.drawing_id, row.id), batch);
  return std::nullopt;
}

std::optional<Conflict> HashedWriter::plan_replace(const ComponentRow& before, const ComponentRow& after,
                                                   Batch& batch) {
  const bool id_changes = before.id != after.id;
  const bool drawing_changes = before.drawing_id != after.drawing_id;
  const bool key_changes = drawing_changes || before.piece_mark != after.piece_mark ||
                           before.instance_identifier != after.instance_identifier;
  if (id_changes && transaction_.get(layout_.rows_, bytes_of(after.id))) {
    return Conflict{Conflict::On::id, after.id};
  }
  if (key_changes) {
    if (const auto holder = holder_of_key(after)) return Conflict{Conflict::On::key, *holder};
  }
  if (id_changes || key_changes) {
    batch.erase(layout_.hashes_, layout_.hash_key_of(before));
    plan_entry(layout_.hashes_, layout_.hash_key_of(after), batch);
  }
  if (id_changes || drawing_changes) {
    batch.erase(layout_.drawings_, HashedLayout::drawing_key_of(before.drawing_id, before.id));
    plan_entry(layout_.drawings_, HashedLayout::drawing_key_of(after.drawing_id, after.id), batch);
  }
  if (id_changes) batch.erase(layout_.rows_, bytes_of(before.id));
  layout_.encode(after, batch.put(layout_.rows_, bytes_of(after.id)));
  return std::nullopt;
}

void HashedWriter::plan_erase(const ComponentRow& row, Batch& batch) {
  batch.erase(layout_.hashes_, layout_.hash_key_of(row));
  batch.erase(layout_.drawings_, HashedLayout::drawing_key_of(row.drawing_id, row.id));
  batch.erase(layout_.rows_, bytes_of(row.id));
}

std::uint64_t HashedWriter::plan_erase_drawing(const Uuid& drawing, Batch& batch) {
  std::vector<Uuid> ids;
  std::vector<std::string> hash_keys;
  const auto rows = layout_.in_drawing(transaction_, drawing, index::Layout::Order::any);
  for (ComponentRow row; rows->next(row);) {
    ids.push_back(row.id);
    hash_keys.push_back(layout_.hash_key_of(row));
  }
  // A batch is filled fastest in the order of the keys.
  std::sort(ids.begin(), ids.end());
  std::sort(hash_keys.begin(), hash_keys.end());
  for (const std::string& key : hash_keys) batch.erase(layout_.hashes_, key);
  for (const Uuid& id : ids) {
    batch.erase(layout_.drawings_, HashedLayout::drawing_key_of(drawing, id));
    batch.erase(layout_.rows_, bytes_of(id));
  }
  return ids.size();
}

std::unique_ptr<index::LayoutWriter> HashedLayout::writer(WriteTransaction& transaction) const {
  return std::make_unique<HashedWriter>(*this, transaction);
}

// Both indexes are sorted by what the source does not sort by.
void HashedLayout::fill(WriteTransaction& transaction, const Layout& source,
                        const engine::ReadTransaction& from, const FillWatch& watch) const {
  const std::string folder = transaction.environment()->folder();
  engine::Sorter hash_keys(folder);
  engine::Sorter drawing_keys(folder);
  KeySum of_keys;
  std::string last;
  watch.on_pass(FillWatch::Pass::index);
  const auto keys = source.all_keys(from);
  for (index::RowKey key; keys->next(key); watch.on_row()) {
    std::string whole = keys_.of(key);
    if (whole <= last) throw_unsound_source(hashes_, "two rows with the key " + engine::to_hex(whole));
    last = std::move(whole);
    const std::string columns = CompositeKey::columns_of(key.drawing, key.piece_mark, key.instance);
    of_keys.add(columns, bytes_of(key.id));
    hash_keys.add(hash_of(columns).append(bytes_of(key.id)));
    drawing_keys.add(drawing_key_of(key.drawing, key.id));
  }
  append_entries(transaction, hashes_, hash_keys);
  append_entries(transaction, drawings_, drawing_keys);

  KeySum of_rows;
  std::string value;
  Appending records(transaction, rows_);
  watch.on_pass(FillWatch::Pass::rows);
  const auto rows = source.all_by_id(from, folder);
  for (ComponentRow row; rows->next(row); watch.on_row()) {
    const Uuid id = row.id;  // The row may borrow from the transaction.
    of_rows.add(CompositeKey::columns_of(row), bytes_of(id));
    encode(row, value);
    records.add(bytes_of(id), value);
  }
  of_keys.require_same(of_rows, rows_);
}

void HashedLayout::append_entries(WriteTransaction& transaction, const engine::Table& table,
                                  engine::Sorter& keys) {
  std::string value;
  Appending entries(transaction, table);
  keys.rewind();
  for (Bytes key; keys.next(key);) {
    write_entry(table, key, value);
    entries.add(key, value);
  }
}

}  // namespace piecemark::bench
