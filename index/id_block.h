// The inside of a block of ids: where the row of each id lies, sorted by id.
//
//   offset   size  field      meaning
//   -------  ----  ---------  ----------------------------------------------------------------------------
//   0        8     checksum   XXH3_64 of the bytes from 8 to the end of the starts, bound to table and key
//   8        2     groups     how many, 1 or more
//   10       2     entries    of all groups
//   12       16g   first ids  of each group
//   12+16g   4g    checks     of each group: the low 4 bytes of the XXH3_64 of its bytes
//   12+20g   2g    starts     of each group, which ends where the next one starts, or the block ends
//   12+22g         groups     one after the other
//
//   group: n, number of entries (1); d, number of drawings (1); ids (16n); hashes (8n); of each entry 0 for no drawing,
//   else the place of its drawing among these, from 1 (n); drawings (16d)
//
// A look-up checks the directory of groups and the one group that can hold the id: some 700 of 4,080 bytes. An id that
// is in neither is proven not to be in the block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "block.h"
#include "engine/key.h"
#include "engine/record.h"
#include "layout.h"

namespace piecemark::index {

// An id, and where its row lies: the key of the row is drawing, hash and id.
struct IdEntry {
  Uuid id;
  DrawingKey drawing;
  RowHash hash = 0;

  friend bool operator==(const IdEntry&, const IdEntry&) = default;
};

class IdBlock {
 public:
  // The bytes must outlive the block, and so must the key.
  // Errors  corrupt_record  the directory fails its checksum, or has no sense
  IdBlock(const engine::RecordPlace& place, engine::Bytes bytes);

  std::size_t count() const { return count_; }
  // Whether all ids of the block are greater.
  bool begins_behind(const Uuid& id) const { return id < first_id(0); }
  // Errors  corrupt_record
  std::optional<IdEntry> find(const Uuid& id) const;
  // All entries.
  // Errors  corrupt_record
  void read(std::vector<IdEntry>& entries) const;

  // Gives the entries of the groups that hold their checks to `visit`, of a block whose key is lost, with bytes of no
  // account behind it. Nothing binds them to this table. False for bytes that hold no such group.
  static bool read_without_key(engine::Bytes bytes, const std::function<void(const IdEntry&)>& visit);

 private:
  IdBlock(engine::Bytes bytes, std::size_t groups) : place_{}, bytes_(bytes), groups_(groups) {}

  // A group that has passed its check.
  struct Group {
    std::size_t count;
    std::size_t drawings;
    const char* ids;

    Uuid id(std::size_t entry) const { return engine::uuid_from({ids + entry * sizeof(Uuid), sizeof(Uuid)}); }
  };

  Uuid first_id(std::size_t group) const;
  std::size_t start_of(std::size_t group) const;
  bool holds_check(std::size_t group, engine::Bytes bytes) const;
  static std::optional<Group> group_in(engine::Bytes bytes);
  Group group(std::size_t at) const;
  IdEntry entry(const Group& group, std::size_t at) const;
  [[noreturn]] void throw_corrupt(const char* found) const;

  engine::RecordPlace place_;
  engine::Bytes bytes_;
  std::size_t groups_ = 0;
  std::size_t count_ = 0;
};

// Encodes entries, which come in the order of their ids, as one block.
class IdBlockBuilder {
 public:
  // False, and nothing changed, where the block would grow beyond `capacity`. The first entry always fits.
  bool add(const IdEntry& entry, std::size_t capacity = kBlockCapacity);

  bool is_empty() const { return entries_.empty(); }
  // Begins anew, also after an error from add() or finish().
  void clear() noexcept;
  // Writes the block over what is there, and begins anew.
  void finish(const engine::RecordPlace& place, std::string& block);

 private:
  static constexpr std::size_t kGroupMax = 16;

  std::size_t place_of(const DrawingKey& drawing) const;
  void append_group(const IdEntry* first, const IdEntry* last, std::string& to);

  std::vector<IdEntry> entries_;
  std::size_t size_ = 0;
  std::vector<Uuid> drawings_;  // of the group that the last entry is in
};

}  // namespace piecemark::index
