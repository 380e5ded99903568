// Changes to the hashed layout: row by row, and all at once into empty tables.
#include <utility>
#include <vector>

#include "engine/environment.h"
#include "engine/record.h"
#include "engine/sorter.h"
#include "filling.h"
#include "hashed.h"

namespace piecemark::bench {

using engine::Bytes;
using engine::bytes_of;
using engine::WriteTransaction;
using index::Conflict;
using index::FillWatch;

class HashedWriter final : public index::LayoutWriter {
 public:
  HashedWriter(const HashedLayout& layout, WriteTransaction& transaction)
      : layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> insert(const ComponentRow& row) override;
  std::optional<Conflict> replace(const ComponentRow& before, const ComponentRow& after) override;
  void erase(const ComponentRow& row) override;
  std::uint64_t erase_drawing(const Uuid& drawing) override;
  void flush() override {}  // Nothing waits.

 private:
  // The id of the row that keeps this one's key.
  std::optional<Uuid> holder_of_key(const ComponentRow& row) const;
  void put_entry(const engine::Table& table, const std::string& key);

  const HashedLayout& layout_;
  WriteTransaction& transaction_;
  std::string value_;
};

std::optional<Uuid> HashedWriter::holder_of_key(const ComponentRow& row) const {
  if (!layout_.keys_.is_constrained(row.drawing_id, row.instance_identifier)) return std::nullopt;
  const auto holder = layout_.find(transaction_, row.drawing_id, row.piece_mark, row.instance_identifier);
  return holder ? std::optional(holder->id) : std::nullopt;
}

void HashedWriter::put_entry(const engine::Table& table, const std::string& key) {
  HashedLayout::write_entry(table, key, value_);
  transaction_.put(table, key, value_);
}

// A row that is in the way by its id is the answer, whoever has the key.
std::optional<Conflict> HashedWriter::insert(const ComponentRow& row) {
  const auto holder = holder_of_key(row);
  if (holder && !transaction_.get(layout_.rows_, bytes_of(row.id)))
    return Conflict{Conflict::On::key, *holder};
  layout_.encode(row, value_);
  if (holder || !transaction_.insert(layout_.rows_, bytes_of(row.id), value_)) {
    return Conflict{Conflict::On::id, row.id};
  }
  put_entry(layout_.hashes_, layout_.hash_key_of(row));
  put_entry(layout_.drawings_, HashedLayout::drawing_key_of(row.drawing_id, row.id));
  return std::nullopt;
}

std::optional<Conflict> HashedWriter::replace(const ComponentRow& before, const ComponentRow& after) {
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
    transaction_.erase(layout_.hashes_, layout_.hash_key_of(before));
    put_entry(layout_.hashes_, layout_.hash_key_of(after));
  }
  if (id_changes || drawing_changes) {
    transaction_.erase(layout_.drawings_, HashedLayout::drawing_key_of(before.drawing_id, before.id));
    put_entry(layout_.drawings_, HashedLayout::drawing_key_of(after.drawing_id, after.id));
  }
  if (id_changes) transaction_.erase(layout_.rows_, bytes_of(before.id));
  layout_.encode(after, value_);
  transaction_.put(layout_.rows_, bytes_of(after.id), value_);
  return std::nullopt;
}

void HashedWriter::erase(const ComponentRow& row) {
  transaction_.erase(layout_.hashes_, layout_.hash_key_of(row));
  transaction_.erase(layout_.drawings_, HashedLayout::drawing_key_of(row.drawing_id, row.id));
  transaction_.erase(layout_.rows_, bytes_of(row.id));
}

std::uint64_t HashedWriter::erase_drawing(const Uuid& drawing) {
  struct Erased {
    Uuid id;
    std::string hash_key;
  };
  std::vector<Erased> erased;
  const auto rows = layout_.in_drawing(transaction_, drawing, index::Layout::Order::any);
  for (ComponentRow row; rows->next(row);) erased.push_back({row.id, layout_.hash_key_of(row)});
  transaction_.erase_prefix(layout_.drawings_, engine::KeyWriter().nullable_uuid(drawing).bytes());
  for (const Erased& row : erased) {
    transaction_.erase(layout_.hashes_, row.hash_key);
    transaction_.erase(layout_.rows_, bytes_of(row.id));
  }
  return erased.size();
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
