// Changes to the packed layout within one write transaction.
//
// Rows to insert wait in memory until they are many, or something else is to be read or changed. Then they go in
// together, in the order of their keys: a block is taken apart and put together again once for all rows that it gets.
//
// Invariants
//   - A row that waits has passed all checks; no other row that waits, or is stored, has its id or its key.
//   - A block of a drawing that has several is at least a quarter full, but for the last one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/memory_reserve.h"
#include "packed.h"
#include "packed_key.h"

namespace piecemark::index {

// Rows that lie in memory of their own.
class RowBuffer {
 public:
  void add(RowHash hash, const ComponentRow& row);
  void clear();

  const std::vector<HashedRow>& rows() const { return rows_; }
  // Of how many drawings the rows are, where those of a drawing come one after the other; else more.
  std::size_t runs() const { return runs_; }
  std::size_t bytes() const {
    return rows_.size() * sizeof(HashedRow) + chunks_used_ * kChunkBytes + large_bytes_;
  }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

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
  void add(std::uint64_t hash, std::size_t row);
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

// Hashes of rows that this transaction has written to a layout that was empty before: what is not among them is not
// stored. Serves loads in random order, where a look into the tree for each row would cost more than all else.
class WrittenHashes {
 public:
  // Too many to be worth the memory, 16 to 32 bytes each.
  static constexpr std::size_t kMost = std::size_t{1} << 22;

  void add(std::uint64_t hash);
  bool contains(std::uint64_t hash) const { return slots_[slot_of(hash)] == hash; }
  std::size_t count() const { return count_; }

 private:
  std::size_t slot_of(std::uint64_t hash) const;

  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024);  // 0: free; as many as a power of 2
  std::size_t count_ = 0;
};

class PackedWriter final : public LayoutWriter {
 public:
  PackedWriter(const PackedLayout& layout, engine::WriteTransaction& transaction)
      : layout_(layout), transaction_(transaction) {}

  std::optional<Conflict> insert(const ComponentRow& row) override;
  std::optional<Conflict> replace(const ComponentRow& before, const ComponentRow& after) override;
  void erase(const ComponentRow& row) override;
  std::uint64_t erase_drawing(const Uuid& drawing) override;
  void flush() override;

  // Inserts a row without its id, and unchecked: for filling an empty layout drawing by drawing.
  void add_unchecked(const ComponentRow& row);

 private:
  using Rows = std::vector<HashedRow>;
  using RowPointers = std::vector<const HashedRow*>;
  struct EncodedBlock {
    std::string key;
    std::string bytes;
  };
  // A stored block, with its rows. They are read into memory that one block after the other is read into.
  struct OpenBlock {
    std::string key;
    std::size_t size = 0;
    Rows* rows;
  };
  enum class Side : std::uint8_t { left, right };

  bool is_constrained(const ComponentRow& row) const {
    return layout_.is_constrained(row.drawing_id, row.instance_identifier);
  }
  void buffer(RowHash hash, const ComponentRow& row);
  bool has_waited_enough(bool begins_drawing) const;
  bool is_id_taken(const Uuid& id);
  std::optional<Uuid> holder_of_key(RowHash hash, const ComponentRow& row);
  bool is_stored(const DrawingKey& drawing);

  void note_written();
  void write_ids();
  void write_blocks();
  void write_drawing(const DrawingKey& drawing, const HashedRow* const* first, const HashedRow* const* last);
  void edit(const DrawingKey& drawing, const HashedRow& at, const std::function<void(RowPointers&)>& change);

  std::optional<OpenBlock> open(const PackedKey& key);
  OpenBlock open(const engine::ReadTransaction::Entry& entry, Rows& rows) const;
  std::optional<OpenBlock> neighbour(const DrawingKey& drawing, const OpenBlock& block, Side side,
                                     std::size_t size_max);
  void store(const DrawingKey& drawing, const OpenBlock& block, const RowPointers& rows);
  bool store_with_neighbour(const DrawingKey& drawing, const OpenBlock& block, const RowPointers& rows,
                            std::size_t size);
  void replace_blocks(std::initializer_list<const std::string*> old_keys,
                      const std::vector<EncodedBlock>& blocks);
  std::vector<EncodedBlock> encoded(const DrawingKey& drawing, const RowPointers& rows,
                                    const std::string& last_key, std::size_t capacity);
  std::vector<EncodedBlock> encoded_evenly(const DrawingKey& drawing, const RowPointers& rows,
                                           const std::string& last_key);

  const PackedLayout& layout_;
  engine::WriteTransaction& transaction_;

  RowBuffer waiting_;
  bool waits_without_ids_ = false;
  RowIndex by_id_;  // of the first so many rows that wait
  std::size_t indexed_by_id_ = 0;
  RowIndex by_key_;  // of the rows that wait and must be unique

  std::optional<Uuid> greatest_id_;  // of the rows that are stored or wait
  bool knows_greatest_id_ = false;
  // What is_stored() has said last.
  struct Asked {
    DrawingKey drawing;
    bool is_stored;
  };
  std::optional<Asked> asked_;

  BlockBuilder builder_;
  Rows rows_at_hand_;  // of the block that was opened last
  Rows rows_beside_;   // of the neighbour that was opened last

  struct Written {
    WrittenHashes ids;
    WrittenHashes keys;
  };
  std::unique_ptr<Written> written_;

  std::uint64_t flushed_bytes_ = 0;
  std::uint64_t reserved_bytes_ = 0;
  std::optional<engine::MemoryReserve> reserve_;
};

}  // namespace piecemark::index
