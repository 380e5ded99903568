// Order-preserving keys: comparing two encoded keys byte by byte orders them as their values, column by
// column, NULL last. FORMAT.md describes the bytes.
//
// Text ends with a zero byte. U+0000 is refused in every column, so the terminator is unambiguous and sorts a
// prefix before everything it begins.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bytes.h"
#include "piecemark/uuid.h"

namespace piecemark::engine {

// An id as the key it is in the tables of rows.
inline Bytes bytes_of(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}
// The id in 16 bytes.
inline Uuid uuid_from(Bytes bytes) {
  Uuid id;
  std::memcpy(id.bytes.data(), bytes.data(), id.bytes.size());
  return id;
}

// Appends encoded columns to a key. The longest key of the schema has 260 bytes; LMDB allows 511.
class KeyWriter {
 public:
  KeyWriter& uuid(const Uuid& value);
  KeyWriter& nullable_uuid(const std::optional<Uuid>& value);
  KeyWriter& text(std::string_view value);
  KeyWriter& nullable_text(const std::optional<std::string_view>& value);

  Bytes bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }
  void clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

// Takes the columns of a key apart. Bytes from disk are input: every function returns false, and stays where
// it is, on bytes that no KeyWriter has written. Text borrows from the key.
class KeyReader {
 public:
  explicit KeyReader(Bytes key) : rest_(key) {}

  bool uuid(Uuid& value);
  bool nullable_uuid(std::optional<Uuid>& value);
  bool text(std::string_view& value);
  bool nullable_text(std::optional<std::string_view>& value);
  bool at_end() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

}  // namespace piecemark::engine
