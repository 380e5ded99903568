#include "packed_tables.h"

#include <algorithm>

#include "engine/environment.h"

namespace piecemark::index {
namespace {

constexpr std::uint64_t kReservedBytesMax = std::uint64_t{64} << 20;  // at a time

// NULL last, as in keys.
bool is_before(const DrawingKey& a, const DrawingKey& b) {
  if (!a || !b) return a.has_value() && !b;
  return *a < *b;
}

std::vector<const IdEntry*> sorted(std::vector<IdEntry>& entries) {
  if (!std::is_sorted(entries.begin(), entries.end(), IdBlocks::is_before)) {
    std::sort(entries.begin(), entries.end(), IdBlocks::is_before);
  }
  std::vector<const IdEntry*> pointers;
  pointers.reserve(entries.size());
  for (const IdEntry& entry : entries) pointers.push_back(&entry);
  return pointers;
}

}  // namespace

void PackedTables::plan_row(BlockChange change, const HashedRow& row, engine::Batch& batch) {
  const HashedRow* const pointer = &row;
  blocks_.plan(change, RowBlocks::scope_of(row.row.drawing_id), &pointer, &pointer + 1, batch);
}

void PackedTables::plan_ids(BlockChange change, std::vector<IdEntry>& entries, engine::Batch& batch) {
  const auto pointers = sorted(entries);
  ids_.plan(change, IdBlocks::scope(), pointers.data(), pointers.data() + pointers.size(), batch);
}

void PackedTables::insert_ids(const RowBuffer& buffer) {
  std::vector<IdEntry> entries;
  entries.reserve(buffer.rows().size());
  for (const HashedRow& row : buffer.rows()) entries.push_back({row.row.id, row.row.drawing_id, row.hash});
  const auto pointers = sorted(entries);
  ids_.write(BlockChange::insert, IdBlocks::scope(), pointers.data(), pointers.data() + pointers.size(),
             batch_);
}

void PackedTables::insert_rows(const RowBuffer& buffer) {
  reserve_memory(buffer);
  std::vector<const HashedRow*> rows;
  rows.reserve(buffer.rows().size());
  for (const HashedRow& row : buffer.rows()) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const HashedRow* a, const HashedRow* b) {
    return a->row.drawing_id != b->row.drawing_id ? is_before(a->row.drawing_id, b->row.drawing_id) : *a < *b;
  });
  for (auto first = rows.begin(); first != rows.end();) {
    const DrawingKey& drawing = (*first)->row.drawing_id;
    const auto last =
        std::find_if(first, rows.end(), [&](const HashedRow* row) { return row->row.drawing_id != drawing; });
    blocks_.write(BlockChange::insert, RowBlocks::scope_of(drawing), &*first, &*first + (last - first),
                  batch_);
    first = last;
  }
}

// A transaction that has written so much will write as much again, for all that is known. Of a run of rows, the first block
// is there already as a rule, and the others are new.
void PackedTables::reserve_memory(const RowBuffer& buffer) {
  constexpr std::uint64_t kBlockBytes = 4096;
  written_bytes_ += buffer.runs() * kBlockBytes + buffer.bytes();
  if (written_bytes_ <= reserved_bytes_ || written_bytes_ < engine::MemoryReserve::kLeastBytes) return;
  const std::uint64_t bytes = std::min(written_bytes_, kReservedBytesMax);
  reserve_.emplace(transaction_.environment()->memory_to_reserve(bytes));
  reserved_bytes_ = written_bytes_ + bytes;
}

}  // namespace piecemark::index
