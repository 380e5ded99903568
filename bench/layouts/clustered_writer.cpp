// Changes to the clustered layout: row by row, and all at once into empty tables.
#include <utility>
#include <vector>

#include "clustered.h"
#include "engine/environment.h"
#include "engine/record.h"
#include "filling.h"

namespace piecemark::bench {

using engine::Bytes;
using engine::bytes_of;
using engine::WriteTransaction;
using index::Conflict;
using index::FillWatch;

class ClusteredWriter final : public index::LayoutWriter {
 public:
  ClusteredWriter(const ClusteredLayout& layout, WriteTransaction& transaction)
      : layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> insert(const ComponentRow& row) override;
  std::optional<Conflict> replace(const ComponentRow& before, const ComponentRow& after) override;
  void erase(const ComponentRow& row) override;
  std::uint64_t erase_drawing(const Uuid& drawing) override;
  void flush() override {}  // Nothing waits.

 private:
  bool insert_row(const std::string& key, const ComponentRow& row);
  void put_entry(const Uuid& id, const std::string& key);
  Conflict conflict_at(const std::string& key) const;

  const ClusteredLayout& layout_;
  WriteTransaction& transaction_;
  std::string value_;
};

bool ClusteredWriter::insert_row(const std::string& key, const ComponentRow& row) {
  layout_.encode(key, row, value_);
  return transaction_.insert(layout_.rows_, key, value_);
}

void ClusteredWriter::put_entry(const Uuid& id, const std::string& key) {
  layout_.write_entry(id, key, value_);
  transaction_.put(layout_.ids_, bytes_of(id), value_);
}

Conflict ClusteredWriter::conflict_at(const std::string& key) const {
  return {Conflict::On::key, layout_.decode(key, *transaction_.get(layout_.rows_, key)).id};
}

std::optional<Conflict> ClusteredWriter::insert(const ComponentRow& row) {
  const std::string key = layout_.keys_.of(row);
  layout_.write_entry(row.id, key, value_);
  if (!transaction_.insert(layout_.ids_, bytes_of(row.id), value_)) return Conflict{Conflict::On::id, row.id};
  if (insert_row(key, row)) return std::nullopt;
  transaction_.erase(layout_.ids_, bytes_of(row.id));  // First: the row in the way may be damaged.
  return conflict_at(key);
}

std::optional<Conflict> ClusteredWriter::replace(const ComponentRow& before, const ComponentRow& after) {
  const bool id_changes = before.id != after.id;
  if (id_changes && transaction_.get(layout_.ids_, bytes_of(after.id))) {
    return Conflict{Conflict::On::id, after.id};
  }
  const std::string key_before = layout_.keys_.of(before);
  const std::string key_after = layout_.keys_.of(after);
  const bool key_changes = key_before != key_after;
  if (key_changes) {
    if (!insert_row(key_after, after)) return conflict_at(key_after);
    transaction_.erase(layout_.rows_, key_before);
  } else {
    layout_.encode(key_after, after, value_);
    transaction_.put(layout_.rows_, key_after, value_);
  }
  if (id_changes) transaction_.erase(layout_.ids_, bytes_of(before.id));
  if (id_changes || key_changes) put_entry(after.id, key_after);
  return std::nullopt;
}

void ClusteredWriter::erase(const ComponentRow& row) {
  transaction_.erase(layout_.rows_, layout_.keys_.of(row));
  transaction_.erase(layout_.ids_, bytes_of(row.id));
}

std::uint64_t ClusteredWriter::erase_drawing(const Uuid& drawing) {
  std::vector<Uuid> ids;
  const auto rows = layout_.in_drawing(transaction_, drawing, index::Layout::Order::any);
  for (ComponentRow row; rows->next(row);) ids.push_back(row.id);
  transaction_.erase_prefix(layout_.rows_, engine::KeyWriter().nullable_uuid(drawing).bytes());
  for (const Uuid& id : ids) transaction_.erase(layout_.ids_, bytes_of(id));
  return ids.size();
}

std::unique_ptr<index::LayoutWriter> ClusteredLayout::writer(WriteTransaction& transaction) const {
  return std::make_unique<ClusteredWriter>(*this, transaction);
}

// Rows borrow from the transaction, which may be the one that writes: each is used up before it does.
void ClusteredLayout::fill(WriteTransaction& transaction, const Layout& source,
                           const engine::ReadTransaction& from, const FillWatch& watch) const {
  std::string value;
  KeySum by_id;
  {
    Appending ids(transaction, ids_);
    watch.on_pass(FillWatch::Pass::index);
    const auto rows = source.all_by_id(from, transaction.environment()->folder());
    for (ComponentRow row; rows->next(row); watch.on_row()) {
      const Uuid id = row.id;
      const std::string key = keys_.of(row);
      by_id.add(key, bytes_of(id));
      write_entry(id, key, value);
      ids.add(bytes_of(id), value);
    }
  }
  KeySum by_key;
  Appending records(transaction, rows_);
  watch.on_pass(FillWatch::Pass::rows);
  const auto rows = source.all_by_key(from);
  for (ComponentRow row; rows->next(row); watch.on_row()) {
    const std::string key = keys_.of(row);
    by_key.add(key, bytes_of(row.id));
    encode(key, row, value);
    records.add(key, value);
  }
  by_id.require_same(by_key, rows_);
}

}  // namespace piecemark::bench
