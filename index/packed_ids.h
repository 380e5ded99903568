// The ids of the packed layout: a table of blocks (id_block.h) that says where the row of each id lies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "block_table.h"
#include "engine/transaction.h"
#include "id_block.h"

namespace piecemark::index {

// Ids as a kind of block (block_table.h). One scope is all there is.
struct IdBlocks {
  using Entry = IdEntry;
  using Builder = IdBlockBuilder;
  using Block = IdBlock;
  struct Key {
    Uuid id;
    engine::Bytes bytes() const { return engine::bytes_of(id); }
  };

  static Key key_of(const IdEntry& entry) { return {entry.id}; }
  static bool is_before(const IdEntry& a, const IdEntry& b) { return a.id < b.id; }
  static void read(const engine::RecordPlace& place, engine::Bytes bytes, std::vector<IdEntry>& entries);
  [[noreturn]] static void throw_missing(const engine::Table& table, const IdEntry& entry);
  [[noreturn]] static void throw_present(const engine::Table& table, const IdEntry& entry);

  static const BlockScope& scope();
};

class PackedIds {
 public:
  explicit PackedIds(const engine::Table& table) : table_(table) {}

  const engine::Table& table() const { return table_; }

  // Errors  corrupt_record  also where damage keeps it from being known whether the id is there
  std::optional<IdEntry> find(const engine::ReadTransaction& transaction, const Uuid& id) const;
  // Cost  a look at each block
  std::uint64_t count(const engine::ReadTransaction& transaction) const;
  std::optional<Uuid> greatest(const engine::ReadTransaction& transaction) const;

  // Fills an empty table.
  // Lifetime  ends before its transaction.
  class Filler {
   public:
    Filler(engine::WriteTransaction& transaction, const PackedIds& ids)
        : packer_(ids.table_), writer_(transaction, ids.table_) {}
    // In the order of the ids.
    void add(const IdEntry& entry);
    void finish();

   private:
    BlockPacker<IdBlocks> packer_;
    engine::TableWriter writer_;
  };

  // Entries by id.
  class Cursor {
   public:
    Cursor(const engine::ReadTransaction& transaction, const PackedIds& ids)
        : cursor_(transaction, ids.table_), table_(ids.table_) {}
    bool next(IdEntry& entry);

   private:
    engine::Cursor cursor_;
    engine::Table table_;
    bool is_started_ = false;
    std::vector<IdEntry> entries_;
    std::size_t next_ = 0;
  };

 private:
  engine::Table table_;
};

}  // namespace piecemark::index
