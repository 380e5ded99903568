// The inside of a packed block: rows of one drawing, sorted by hash of the mark, hash of the instance, and id.
//
//   offset   size  field      meaning
//   -------  ----  ---------  ----------------------------------------------------------------------------
//   0        8     checksum   XXH3_64 of the bytes from 8 to the end of the texts, bound to table and key
//   8        2     count      of the rows, 1 or more
//   10       2     texts end  where the texts end and the rows begin
//   12       8n    hashes     of each row: instance in the low 4 bytes, mark in the high ones
//   12+8n    4n    checks     of each row: the low 4 bytes of the XXH3_64 of its bytes
//   12+12n   2n    starts     of each row, which ends where the next one starts, or the block ends
//   12+14n         texts      marks, types, materials and statuses, each once: its length (1 byte, or 2 with the
//                             highest bit set), then its bytes
//                  rows       FORMAT.md has their bytes
//
// A look-up checks what it has searched and the row that it reads: about 500 of 4,080 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/record.h"
#include "piecemark/component.h"

namespace piecemark::index {

// With LMDB's header a block of this size fills one page.
inline constexpr std::size_t kBlockCapacity = 4080;

// Where a block has its fields.
inline constexpr std::size_t kBlockCountAt = 8;
inline constexpr std::size_t kBlockTextsEndAt = 10;
inline constexpr std::size_t kBlockHashesAt = 12;
// Of one of so many rows.
inline constexpr std::size_t block_check_at(std::size_t count, std::size_t row) {
  return kBlockHashesAt + count * sizeof(std::uint64_t) + row * sizeof(std::uint32_t);
}
inline constexpr std::size_t block_start_at(std::size_t count, std::size_t row) {
  return block_check_at(count, count) + row * sizeof(std::uint16_t);
}
// The check of a row, of its bytes.
std::uint32_t block_check_of(engine::Bytes row);

// What rows of a drawing are sorted by, before their ids: hash of the mark in the high half, of the instance in the low
// one. The highest bit is 0.
using RowHash = std::uint64_t;

// Cut down to a few bits, hashes collide: that is for tests.
struct RowHasher {
  unsigned bits = 32;

  RowHash of(std::string_view piece_mark, const std::optional<std::string_view>& instance) const {
    return of_mark(piece_mark) | of_instance(instance);
  }
  // The first hash of the rows of this mark.
  RowHash of_mark(std::string_view piece_mark) const;
  std::uint32_t of_instance(const std::optional<std::string_view>& instance) const;
};
inline constexpr RowHash kMarkBits = ~RowHash{0xFFFFFFFF};

class Block {
 public:
  // The bytes must outlive the block, and so must the key.
  // Errors  corrupt_record  what look-ups search fails its checksum, or has no sense
  Block(const engine::RecordPlace& place, engine::Bytes bytes);

  std::size_t count() const { return count_; }
  RowHash hash(std::size_t row) const;
  // The first row whose hash is not less; count() if there is none.
  std::size_t lower_bound(RowHash hash) const;

  // The id, without a look at the row's checksum.
  engine::Bytes id(std::size_t row) const;
  // All columns but drawing_id, which is the same for all rows; texts point into the block.
  // Errors  corrupt_record
  void read(std::size_t row, ComponentRow& to) const;

  const engine::RecordPlace& place() const { return place_; }

 private:
  engine::Bytes row_bytes(std::size_t row) const;
  std::uint16_t start_of(std::size_t row) const;
  [[noreturn]] void throw_corrupt(const char* found) const;
  [[noreturn]] void throw_corrupt_row(const char* found, engine::Bytes row) const;

  engine::RecordPlace place_;
  engine::Bytes bytes_;
  std::size_t count_ = 0;
  std::size_t texts_end_ = 0;
};

// A row and where it belongs within its drawing.
struct HashedRow {
  RowHash hash = 0;
  ComponentRow row;
};
// The order within a drawing.
inline bool operator<(const HashedRow& a, const HashedRow& b) {
  return a.hash != b.hash ? a.hash < b.hash : a.row.id < b.row.id;
}

// Encodes rows, which come in their order, as one block.
class BlockBuilder {
 public:
  // False, and nothing changed, where the block would grow beyond `capacity`. The first row always fits.
  // Errors  corrupt_record  a text longer than any column takes
  bool add(const HashedRow& row, std::size_t capacity = kBlockCapacity);

  bool is_empty() const { return hashes_.empty(); }
  std::size_t size() const;
  // Begins anew, also after an error from add() or finish().
  void clear() noexcept;
  // Writes the block over what is there, and begins anew.
  void finish(const engine::RecordPlace& place, std::string& block);

 private:
  enum class Shared : std::uint8_t { mark, type, material, status };

  static constexpr std::uint16_t kNone = 0xFFFF;
  struct Text {
    std::uint16_t offset = 0;    // within the texts
    std::uint16_t size = kNone;  // of the text itself
  };

  std::uint16_t share(Shared column, std::string_view text);
  std::string_view text_at(const Text& text) const;
  void append_row(const ComponentRow& row, std::string& to);

  std::vector<RowHash> hashes_;
  std::vector<std::uint32_t> checks_;
  std::vector<std::size_t> starts_;  // within the rows
  std::vector<Text> texts_;
  std::string text_bytes_;
  std::string rows_;
  std::array<Text, 4> last_;
};

}  // namespace piecemark::index
