// Changes to a table whose entries lie in blocks, sorted: rows (packed_rows.h) and ids (packed_ids.h) of the packed layout.
//
// Invariants
//   - A block holds the entries whose keys are not above its own, and above that of the block before.
//   - Blocks belong to a scope, which all their keys begin with: a drawing, or the whole table. The last block of a scope
//     has the scope's last key, and no block is empty.
//   - A block that has become small lies together with a neighbour, or shares its entries, where sizes allow it; one that
//     has grown too large shares them with a neighbour before one block more is made.
//
// A kind of block has these members:
//   Entry, Builder, Key           Builder encodes entries; Key is what they are sorted by, as bytes()
//   key_of(entry)                 the key of an entry
//   Block                         made of place and bytes, throws where the seal of a block is broken
//   is_before(entry, entry)       the order of the keys
//   read(place, bytes, entries)   decodes a block; entries may borrow from its bytes
//   throw_missing(place, entry), throw_present(place, entry)
//                                 says that an entry to replace or erase is not there, or that one to insert is
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "block.h"
#include "engine/absence.h"
#include "engine/batch.h"
#include "engine/transaction.h"

namespace piecemark::index {

// Fresh blocks leave room for a few entries, so that the next insertions do not have to split them.
inline constexpr std::size_t kFreshCapacity = kBlockCapacity * 9 / 10;

struct BlockScope {
  std::string prefix;
  std::string last_key;
};

// The shortest key that is not less than `last`, and less than `next`: a part of the latter, or the former.
inline std::string separator(engine::Bytes last, engine::Bytes next) {
  const auto differ = std::mismatch(last.begin(), last.end(), next.begin());
  const std::size_t size = static_cast<std::size_t>(differ.second - next.begin()) + 1;
  return std::string(size < next.size() ? next.substr(0, size) : last);
}

// Throws where the seal of a block is broken (engine/absence.h).
template <class Block>
void check_seal(const engine::RecordPlace& place, engine::Bytes bytes) {
  Block(place, bytes);
}

struct EncodedBlock {
  std::string key;
  std::string bytes;
};

// Encodes entries, which come in their order, as blocks, each as full as `capacity` allows.
template <class Kind>
class BlockPacker {
 public:
  explicit BlockPacker(const engine::Table& table) : table_(table) {}

  // Begins anew, also after an error.
  void clear() noexcept { builder_.clear(); }

  // Gives `take` the block before, if the entry begins another one.
  template <class Take>
  void add(const typename Kind::Entry& entry, std::size_t capacity, const Take& take) {
    const auto key = Kind::key_of(entry);
    if (!builder_.add(entry, capacity)) {
      finish(separator(last_->bytes(), key.bytes()), take);
      builder_.add(entry, capacity);
    }
    last_ = key;
  }
  // Gives `take` the last block, if there is one, under this key.
  template <class Take>
  void finish(std::string key, const Take& take) {
    if (builder_.is_empty()) return;
    block_.key = std::move(key);
    builder_.finish({table_.name, block_.key}, block_.bytes);
    take(block_);
  }

 private:
  engine::Table table_;
  typename Kind::Builder builder_;
  std::optional<typename Kind::Key> last_;
  EncodedBlock block_;
};

enum class BlockChange : std::uint8_t { insert, replace, erase };

// Lifetime  ends before the transaction.
template <class Kind>
class BlockTableWriter {
 public:
  using Entry = typename Kind::Entry;

  BlockTableWriter(engine::WriteTransaction& transaction, const engine::Table& table)
      : transaction_(transaction), table_(table), packer_(table) {}

  // Works out what the change of each of these entries, which are of one scope and in their order, comes to, with what the
  // batch has already; a block is taken apart and put together again once for all entries that belong to it. Entries may
  // not borrow from the transaction.
  // Errors  corrupt_record
  void plan(BlockChange change, const BlockScope& scope, const Entry* const* first, const Entry* const* last,
            engine::Batch& batch) {
    while (first != last) first = plan_block(change, scope, first, last, batch);
  }
  // The same for many entries at once: makes the changes, block by block. The batch is memory to work in.
  // Errors  those of plan(); some changes may have been made by then: the caller poisons the transaction
  void write(BlockChange change, const BlockScope& scope, const Entry* const* first, const Entry* const* last,
             engine::Batch& batch) {
    while (first != last) {
      batch.clear();
      first = plan_block(change, scope, first, last, batch);
      transaction_.apply(batch);
    }
    batch.clear();
  }

 private:
  using Pointers = std::vector<const Entry*>;
  // A stored block, with its entries. They are read into memory that one block after the other is read into.
  struct OpenBlock {
    std::string key;
    std::size_t size = 0;
    std::vector<Entry>* entries;
  };
  enum class Side : std::uint8_t { left, right };

  // A block that has shrunk below this size becomes one with a neighbour, if one block holds both.
  static constexpr std::size_t kRoomySize = kBlockCapacity * 3 / 4;
  // Below this size it shares the entries of a neighbour even if both stay, and both are larger then. So only the one block of a small scope is small enough for LMDB to keep it in a page of the tree, where blocks that come
  // and go leave pages half empty.
  static constexpr std::size_t kSmallSize = kBlockCapacity / 2;
  // How full the blocks are that share the entries of one that had grown too large, so that all have room.
  static constexpr std::size_t kSharedSizeMax = kBlockCapacity * 9 / 10;

  // Plans the change of all entries that belong to the block of the first one. Returns where the next block's begin.
  const Entry* const* plan_block(BlockChange change, const BlockScope& scope, const Entry* const* first,
                                 const Entry* const* last, engine::Batch& batch) {
    const auto block = open(scope, Kind::key_of(**first).bytes(), batch);
    if (!block) {
      if (change != BlockChange::insert) Kind::throw_missing(table_, **first);
      engine::check_entries_beside(transaction_, table_, Kind::key_of(**first).bytes(),
                                   check_seal<typename Kind::Block>);
      replace_blocks({}, encoded({first, last}, scope.last_key, kFreshCapacity), batch);
      return last;
    }
    const Entry* const* const end = std::partition_point(
        first, last, [&](const Entry* entry) { return Kind::key_of(*entry).bytes() <= block->key; });
    store(scope, *block, merged(change, *block, first, end), batch);
    return end;
  }

  // The block that holds, or would hold, the entry with this key; nullopt where the scope has no entries.
  std::optional<OpenBlock> open(const BlockScope& scope, engine::Bytes key, const engine::Batch& batch) {
    const auto found = engine::PendingTable(transaction_, table_, batch).seek(key);
    if (!found || !found->key.starts_with(scope.prefix)) return std::nullopt;
    return open(*found, entries_at_hand_);
  }
  OpenBlock open(const engine::PendingTable::Entry& entry, std::vector<Entry>& entries) const {
    Kind::read({table_.name, entry.key}, entry.value, entries);
    return {std::string(entry.key), entry.value.size(), &entries};
  }

  std::optional<OpenBlock> neighbour(const BlockScope& scope, const OpenBlock& block, Side side,
                                     std::size_t size_max, const engine::Batch& batch) {
    const engine::PendingTable table(transaction_, table_, batch);
    const auto found = side == Side::left ? table.before(block.key) : table.after(block.key);
    if (!found || !found->key.starts_with(scope.prefix) || found->value.size() > size_max)
      return std::nullopt;
    return open(*found, entries_beside_);
  }

  Pointers merged(BlockChange change, const OpenBlock& block, const Entry* const* first,
                  const Entry* const* last) const {
    Pointers entries;
    entries.reserve(block.entries->size() + static_cast<std::size_t>(last - first));
    for (const Entry& entry : *block.entries) {
      while (first != last && is_before(**first, entry)) {
        if (change != BlockChange::insert) Kind::throw_missing(table_, **first);
        entries.push_back(*first++);
      }
      if (first == last || is_before(entry, **first)) {
        entries.push_back(&entry);
        continue;
      }
      if (change == BlockChange::insert) Kind::throw_present(table_, **first);
      if (change == BlockChange::replace) entries.push_back(*first);
      ++first;
    }
    if (first != last && change != BlockChange::insert) Kind::throw_missing(table_, **first);
    entries.insert(entries.end(), first, last);
    return entries;
  }
  static bool is_before(const Entry& a, const Entry& b) { return Kind::is_before(a, b); }

  // Puts these entries in the place of those of the block.
  void store(const BlockScope& scope, const OpenBlock& block, const Pointers& entries, engine::Batch& batch) {
    if (entries.empty()) return remove(scope, block, batch);
    auto blocks = encoded(entries, block.key, kBlockCapacity);
    if (blocks.size() == 1) {
      const std::size_t size = blocks[0].bytes.size();
      const bool has_shrunk = size < block.size;
      const std::size_t beside_max = size < kSmallSize ? SIZE_MAX : kBlockCapacity - size;
      if (has_shrunk && size < kRoomySize && store_with_neighbour(scope, block, entries, beside_max, batch)) {
        return;
      }
    } else if (is_appended(scope, block, entries)) {
      blocks = encoded(entries, block.key, kFreshCapacity);  // More will follow, and leave these as they are.
    } else {
      if (blocks.size() == 2 && store_with_neighbour(scope, block, entries, SIZE_MAX, batch)) return;
      blocks = encoded_evenly(entries, block.key);
    }
    replace_blocks({&block.key}, std::move(blocks), batch);
  }

  // Whether all that is new lies behind all that the scope had.
  static bool is_appended(const BlockScope& scope, const OpenBlock& block, const Pointers& entries) {
    return block.key == scope.last_key && entries.size() > block.entries->size() &&
           entries[block.entries->size() - 1] == &block.entries->back();
  }

  // The last block of a scope stays the last: the one before takes its place.
  void remove(const BlockScope& scope, const OpenBlock& block, engine::Batch& batch) {
    const auto left =
        block.key == scope.last_key ? neighbour(scope, block, Side::left, SIZE_MAX, batch) : std::nullopt;
    if (!left) return replace_blocks({&block.key}, {}, batch);
    replace_blocks({&left->key, &block.key}, encoded(pointers_to(*left->entries), block.key, kBlockCapacity),
                   batch);
  }

  // Puts the entries together with those of a neighbour that is not larger than `size_max`. False, and nothing changed,
  // where there is none.
  bool store_with_neighbour(const BlockScope& scope, const OpenBlock& block, const Pointers& entries,
                            std::size_t size_max, engine::Batch& batch) {
    for (const Side side : {Side::right, Side::left}) {
      const auto beside = neighbour(scope, block, side, size_max, batch);
      if (!beside) continue;
      Pointers all = pointers_to(*beside->entries);
      all.insert(side == Side::left ? all.end() : all.begin(), entries.begin(), entries.end());
      const std::string& last_key = side == Side::left ? block.key : beside->key;
      replace_blocks({&block.key, &beside->key}, encoded_evenly(all, last_key), batch);
      return true;
    }
    return false;
  }

  static Pointers pointers_to(const std::vector<Entry>& entries) {
    Pointers pointers;
    pointers.reserve(entries.size());
    for (const Entry& entry : entries) pointers.push_back(&entry);
    return pointers;
  }

  // The entries in as few blocks as hold them; the last one gets this key.
  std::vector<EncodedBlock> encoded(const Pointers& entries, const std::string& last_key,
                                    std::size_t capacity) {
    std::vector<EncodedBlock> blocks;
    const auto take = [&](EncodedBlock& block) { blocks.push_back(std::move(block)); };
    packer_.clear();
    for (const Entry* entry : entries) packer_.add(*entry, capacity, take);
    packer_.finish(last_key, take);
    return blocks;
  }

  // The same in blocks of about the same size, so that all have room.
  std::vector<EncodedBlock> encoded_evenly(const Pointers& entries, const std::string& last_key) {
    auto blocks = encoded(entries, last_key, kBlockCapacity);
    if (blocks.size() < 2) return blocks;
    blocks = encoded(entries, last_key, kSharedSizeMax);
    std::size_t bytes = 0;
    for (const EncodedBlock& block : blocks) bytes += block.bytes.size();
    // Entries are not all of one size: a little more keeps the last block from being cut short.
    const std::size_t share = bytes / blocks.size() + bytes / entries.size();
    return encoded(entries, last_key, std::min(share, kBlockCapacity));
  }

  void replace_blocks(std::initializer_list<const std::string*> old_keys, std::vector<EncodedBlock> blocks,
                      engine::Batch& batch) {
    for (const std::string* key : old_keys) batch.erase(table_, *key);
    for (EncodedBlock& block : blocks) batch.put(table_, block.key).swap(block.bytes);
  }

  engine::WriteTransaction& transaction_;
  engine::Table table_;
  BlockPacker<Kind> packer_;
  std::vector<Entry> entries_at_hand_;  // of the block that was opened last
  std::vector<Entry> entries_beside_;   // of the neighbour that was opened last
};

}  // namespace piecemark::index
