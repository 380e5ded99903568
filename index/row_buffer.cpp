#include "row_buffer.h"

#include <algorithm>
#include <cstring>

namespace piecemark::index {

void RowBuffer::add(RowHash hash, const ComponentRow& row) {
  HashedRow added{hash, row};
  added.row.piece_mark = copied(row.piece_mark);
  for (auto* text : {&added.row.instance_identifier, &added.row.component_type, &added.row.material_type,
                     &added.row.bounding_box, &added.row.review_status}) {
    if (*text) *text = copied(**text);
  }
  const bool begins_run = this->begins_run(row.drawing_id);
  rows_.push_back(added);
  if (begins_run) ++runs_;
}

std::string_view RowBuffer::copied(std::string_view text) {
  if (text.empty()) return "";
  if (text.size() > kChunkBytes / 16) {
    char* const at = large_.emplace_back(std::make_unique_for_overwrite<char[]>(text.size())).get();
    std::memcpy(at, text.data(), text.size());
    large_bytes_ += text.size();
    return {at, text.size()};
  }
  if (text.size() > left_in_chunk_) {
    if (chunks_used_ == chunks_.size()) {
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
    }
    ++chunks_used_;
    left_in_chunk_ = kChunkBytes;
  }
  char* const at = chunks_[chunks_used_ - 1].get() + (kChunkBytes - left_in_chunk_);
  std::memcpy(at, text.data(), text.size());
  left_in_chunk_ -= text.size();
  return {at, text.size()};
}

void RowBuffer::clear() {
  rows_.clear();
  large_.clear();
  large_bytes_ = 0;
  runs_ = 0;
  chunks_used_ = 0;
  left_in_chunk_ = 0;
}

void RowIndex::make_room() {
  if (2 * (count_ + 1) <= slots_.size()) return;
  std::vector<Slot> old(std::max<std::size_t>(64, 2 * slots_.size()));
  old.swap(slots_);
  count_ = 0;
  for (const Slot& slot : old) {
    if (slot.row != kFree) add(slot.hash, slot.row);
  }
}

void RowIndex::add(std::uint64_t hash, std::size_t row) {
  make_room();
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].row != kFree) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {hash, static_cast<std::uint32_t>(row)};
  ++count_;
}

std::size_t SeenHashes::slot_of(std::uint64_t hash) const {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void SeenHashes::add(std::uint64_t hash) {
  if (2 * (count_ + 1) > slots_.size()) {
    std::vector<std::uint64_t> old(2 * slots_.size());
    old.swap(slots_);
    for (const std::uint64_t moved : old) {
      if (moved != 0) slots_[slot_of(moved)] = moved;
    }
  }
  slots_[slot_of(hash)] = hash;
  ++count_;
}

void RowIndex::clear() {
  if (count_ > 0) slots_.assign(std::min<std::size_t>(slots_.size(), 1024), Slot{});
  count_ = 0;
}

}  // namespace piecemark::index
