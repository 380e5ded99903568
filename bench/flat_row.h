#pragma once

#include <string>
#include <string_view>

#include "workload.h"

namespace piecemark::bench {

// How rivals that know no columns store a row and its keys.

// Everything but the id, which is the row's key: two bytes that say which columns are NULL, then the others in
// the order of kColumns; numbers as they lie in memory, a text after its size in 7-bit groups.
// Cost  about 20 ns each way
void encode(const ComponentRow& row, std::string& bytes);
// Borrows the texts from the bytes.
// Errors  std::runtime_error  the bytes end too early
ComponentRow decode(const Uuid& id, std::string_view bytes);

// The id as the 16 bytes of a key, and back.
std::string_view key_of(const Uuid& id);
Uuid id_of(std::string_view key);

// The key of (drawing, mark, instance), such that a drawing's rows stand together, and those of a mark. NULLs
// are distinct: a key with one ends in the row's id.
struct UniqueKey {
  std::string bytes;
  bool has_null = false;
};
UniqueKey unique_key(const ComponentRow& row);
// What all keys of a drawing, of a mark on it, and of a mark's rows without an instance begin with.
std::string drawing_prefix(const Uuid& drawing_id);
std::string mark_prefix(const Uuid& drawing_id, std::string_view piece_mark);
std::string no_instance_prefix(const Uuid& drawing_id, std::string_view piece_mark);

// Throws std::runtime_error unless the row keeps the rules that it can keep by itself: lengths, the range of the
// confidence, valid JSON.
void check_rules(const ComponentRow& row);

}  // namespace piecemark::bench
