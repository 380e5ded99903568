// Buffered rows, and what finds them: in memory, for one transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "block.h"

namespace piecemark::index {

// Rows that lie in memory of their own.
class RowBuffer {
 public:
  // What is buffered where rows of a drawing come one after the other, and where they are sorted later: little is to be
  // gained from more than the processor's cache holds.
  static constexpr std::size_t kFewBytes = std::size_t{2} << 20;

  // Where this throws, the buffer has the same rows as before.
  void add(RowHash hash, const ComponentRow& row);
  void clear();

  const std::vector<HashedRow>& rows() const { return rows_; }
  // Rows of one drawing that come one after the other are a run.
  std::size_t runs() const { return runs_; }
  // Whether a row of this drawing would be the first of a run.
  bool begins_run(const std::optional<Uuid>& drawing) const {
    return rows_.empty() || rows_.back().row.drawing_id != drawing;
  }
  // Whether the rows take more than `bytes_max`; or, where they are those of whole drawings and the next row begins another
  // one, more than kFewBytes.
  bool is_full(std::size_t bytes_max, bool begins_drawing) const {
    const bool are_drawings = begins_drawing && rows_.size() >= runs_ * kRowsOfDrawingMin;
    return bytes() > (are_drawings && kFewBytes < bytes_max ? kFewBytes : bytes_max);
  }
  std::size_t bytes() const {
    return rows_.size() * sizeof(HashedRow) + chunks_used_ * kChunkBytes - left_in_chunk_ + large_bytes_;
  }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
  static constexpr std::size_t kRowsOfDrawingMin = 8;  // on average

  std::string_view copied(std::string_view text);

  std::vector<HashedRow> rows_;
  std::size_t runs_ = 0;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunks_used_ = 0;
  std::vector<std::unique_ptr<char[]>> large_;  // texts that have a piece of memory each
  std::size_t large_bytes_ = 0;
  std::size_t left_in_chunk_ = 0;
};

// Finds rows of a buffer by a hash of whatever.
class RowIndex {
 public:
  // Where this throws, the index is as before. It does not throw after make_room().
  void add(std::uint64_t hash, std::size_t row);
  // For one row more.
  void make_room();
  void clear();
  // The first of the rows added under this hash that `accepts`; nullopt if there is none.
  template <class Accepts>
  std::optional<std::size_t> find(std::uint64_t hash, const Accepts& accepts) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].row != kFree;
         at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].hash == hash && accepts(slots_[at].row)) return slots_[at].row;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kFree = ~0U;
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t row = kFree;
  };

  std::vector<Slot> slots_;  // as many as a power of 2, half of them free at least
  std::size_t count_ = 0;
};

// A set of hashes.
class SeenHashes {
 public:
  // Too many to be worth the memory, 16 to 32 bytes each.
  static constexpr std::size_t kMost = std::size_t{1} << 22;

  // Where this throws, the set is as before.
  void add(std::uint64_t hash);
  bool contains(std::uint64_t hash) const { return slots_[slot_of(hash)] == hash; }
  std::size_t count() const { return count_; }

 private:
  std::size_t slot_of(std::uint64_t hash) const;

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024);  // 0: free; as many as a power of 2
  std::size_t count_ = 0;
};

}  // namespace piecemark::index
