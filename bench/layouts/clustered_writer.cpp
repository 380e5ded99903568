// Changes to the clustered layout: row by row, and all at once into empty tables.
#include <algorithm>
#include <vector>

#include "clustered.h"
#include "engine/environment.h"
#include "engine/record.h"
#include "filling.h"

namespace piecemark::bench {

using engine::Batch;
using engine::Bytes;
using engine::bytes_of;
using engine::WriteTransaction;
using index::Conflict;
using index::FillWatch;

class ClusteredWriter final : public index::LayoutWriter {
 public:
  ClusteredWriter(const ClusteredLayout& layout, WriteTransaction& transaction)
      : LayoutWriter(transaction), layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> plan_insert(const ComponentRow& row, Batch& batch) override;
  std::optional<Conflict> plan_replace(const ComponentRow& before, const ComponentRow& after,
                                       Batch& batch) override;
  void plan_erase(const ComponentRow& row, Batch& batch) override;
  std::uint64_t plan_erase_drawing(const Uuid& drawing, Batch& batch) override;
  void flush() override {}  // No row is buffered.

 private:
  void plan_entry(const Uuid& id, const std::string& key, Batch& batch) const;
  std::optional<Conflict> conflict_of(const Uuid& id) const;
  std::optional<Conflict> conflict_of(const std::string& key) const;

  const ClusteredLayout& layout_;
  const engine::ReadTransaction& transaction_;
};

void ClusteredWriter::plan_entry(const Uuid& id, const std::string& key, Batch& batch) const {
  layout_.write_entry(id, key, batch.put(layout_.ids_, bytes_of(id)));
}

std::optional<Conflict> ClusteredWriter::conflict_of(const Uuid& id) const {
  if (!transaction_.get(layout_.ids_, bytes_of(id))) return std::nullopt;
  return Conflict{Conflict::On::id, id};
}

std::optional<Conflict> ClusteredWriter::conflict_of(const std::string& key) const {
  const auto row = transaction_.get(layout_.rows_, key);
  if (!row) return std::nullopt;
  return Conflict{Conflict::On::key, layout_.decode(key, *row).id};
}

std::optional<Conflict> ClusteredWriter::plan_insert(const ComponentRow& row, Batch& batch) {
  if (const auto conflict = conflict_of(row.id)) return conflict;
  const std::string key = layout_.keys_.of(row);
  if (const auto conflict = conflict_of(key)) return conflict;
  layout_.encode(key, row, batch.put(layout_.rows_, key));
  plan_entry(row.id, key, batch);
  return std::nullopt;
}

std::optional<Conflict> ClusteredWriter::plan_replace(const ComponentRow& before, const ComponentRow& after,
                                                      Batch& batch) {
  const bool id_changes = before.id != after.id;
  if (id_changes) {
    if (const auto conflict = conflict_of(after.id)) return conflict;
  }
  const std::string key_before = layout_.keys_.of(before);
  const std::string key_after = layout_.keys_.of(after);
  const bool key_changes = key_before != key_after;
  if (key_changes) {
    if (const auto conflict = conflict_of(key_after)) return conflict;
    batch.erase(layout_.rows_, key_before);
  }
  layout_.encode(key_after, after, batch.put(layout_.rows_, key_after));
  if (id_changes) batch.erase(layout_.ids_, bytes_of(before.id));
  if (id_changes || key_changes) plan_entry(after.id, key_after, batch);
  return std::nullopt;
}

void ClusteredWriter::plan_erase(const ComponentRow& row, Batch& batch) {
  batch.erase(layout_.rows_, layout_.keys_.of(row));
  batch.erase(layout_.ids_, bytes_of(row.id));
}

std::uint64_t ClusteredWriter::plan_erase_drawing(const Uuid& drawing, Batch& batch) {
  std::vector<Uuid> ids;
  const auto rows = layout_.in_drawing(transaction_, drawing, index::Layout::Order::any);
  for (ComponentRow row; rows->next(row);) {
    batch.erase(layout_.rows_, layout_.keys_.of(row));
    ids.push_back(row.id);
  }
  std::sort(ids.begin(), ids.end());  // A batch is filled fastest in the order of the keys.
  for (const Uuid& id : ids) batch.erase(layout_.ids_, bytes_of(id));
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
