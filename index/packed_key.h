// Keys of the packed layout: of a row, and of the block that holds it.
//
//   row     drawing_id nullable UUID, hash (8, big-endian), id (16)
//   block   as long a part of the key of a row as parts it from the block before; FF instead of the hash in the last
//           block of a drawing. A block holds the rows whose keys are not above its own, and above that of the one
//           before: the first key that is not less than that of a row is that of the only block that can hold it.
//
// So that FF is above every hash, the highest bit of a hash is 0.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "block.h"
#include "engine/key.h"
#include "layout.h"

namespace piecemark::index {

class PackedKey {
 public:
  static constexpr char kLastBlock = '\xFF';

  explicit PackedKey(const DrawingKey& drawing) {
    bytes_[0] = drawing ? kDrawing : kNoDrawing;
    if (drawing) std::memcpy(bytes_.data() + 1, drawing->bytes.data(), sizeof(Uuid));
    size_ = drawing_size_ = drawing ? 1 + sizeof(Uuid) : 1;
  }
  PackedKey(const DrawingKey& drawing, RowHash hash) : PackedKey(drawing) { append(big_endian(hash)); }
  PackedKey(const DrawingKey& drawing, RowHash hash, const Uuid& id) : PackedKey(drawing, hash) {
    append(id);
  }

  engine::Bytes bytes() const { return {bytes_.data(), size_}; }
  engine::Bytes drawing_bytes() const { return {bytes_.data(), drawing_size_}; }

  // Whether the key is of this drawing.
  bool has_drawing_of(engine::Bytes key) const { return key.starts_with(drawing_bytes()); }

  // The drawing at the beginning of a key; false for bytes that no key begins with.
  static bool read_drawing(engine::Bytes& key, DrawingKey& drawing) {
    if (key.starts_with(kNoDrawing)) {
      drawing.reset();
      key.remove_prefix(1);
      return true;
    }
    if (!key.starts_with(kDrawing) || key.size() < 1 + sizeof(Uuid)) return false;
    drawing = engine::uuid_from(key.substr(1));
    key.remove_prefix(1 + sizeof(Uuid));
    return true;
  }
  // The drawing and the hash that are the whole of some bytes.
  static bool read(engine::Bytes bytes, DrawingKey& drawing, RowHash& hash) {
    if (!read_drawing(bytes, drawing) || bytes.size() != sizeof hash) return false;
    hash = big_endian(engine::load<RowHash>(bytes.data()));
    return true;
  }

 private:
  static constexpr char kDrawing = '\x01';  // as engine::KeyWriter encodes a nullable UUID
  static constexpr char kNoDrawing = '\x02';

  static RowHash big_endian(RowHash hash) { return __builtin_bswap64(hash); }

  template <class T>
  void append(const T& value) {
    std::memcpy(bytes_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }

  std::array<char, 1 + sizeof(Uuid) + sizeof(RowHash) + sizeof(Uuid)> bytes_{};
  std::size_t size_ = 0;
  std::size_t drawing_size_ = 0;
};

}  // namespace piecemark::index
