// What filling an empty layout takes: tables written in their order, and proof that both passes saw the same rows.
#pragma once

#include <cstdint>
#include <string>

#include "engine/record.h"
#include "engine/transaction.h"
#include "piecemark/uuid.h"

namespace piecemark::bench {

[[noreturn]] inline void throw_unsound_source(const engine::Table& table, const std::string& found) {
  throw Error(ErrorCode::corrupt_file, {"cannot write table '" + std::string(table.name) + "'",
                                        found,
                                        {},
                                        "run 'piecemark verify' on the file and go back to a backup"});
}

// Of all pairs of a key and an id, in any order.
class KeySum {
 public:
  void add(engine::Bytes key, engine::Bytes id) {
    ++count_;
    hash_ += engine::hash_of(key, id);
  }
  // Errors  corrupt_file  the other pass has seen other pairs
  void require_same(const KeySum& other, const engine::Table& table) const {
    if (*this == other) return;
    throw_unsound_source(table, std::to_string(count_) + " keys and " + std::to_string(other.count_) +
                                    " rows that do not belong together");
  }
  friend bool operator==(const KeySum&, const KeySum&) = default;

 private:
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0;
};

// Appends entries to a table, each greater than the one before.
class Appending {
 public:
  Appending(engine::WriteTransaction& transaction, const engine::Table& table)
      : table_(table), writer_(transaction, table) {}

  // Errors  corrupt_file  the key is not greater
  void add(engine::Bytes key, engine::Bytes value) {
    if (writer_.append(key, value)) return;
    throw_unsound_source(table_, "entries that are not in ascending order, at key " + engine::to_hex(key));
  }

 private:
  engine::Table table_;
  engine::TableWriter writer_;
};

}  // namespace piecemark::bench
