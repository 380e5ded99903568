// What a file is, told from its first bytes, without LMDB: the question that must be answered before anything
// is mapped, and the one that `info` answers for files no LMDB can open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "os.h"
#include "stamp.h"

namespace piecemark::engine {

enum class ContainerKind : std::uint8_t {
  lmdb,           // LMDB 0.9 with 64-bit, little-endian pages: ours to open
  other_lmdb,     // another generation or byte order of LMDB
  something_else  // everything else
};

struct Container {
  ContainerKind kind = ContainerKind::something_else;
  std::string description;  // "an SQLite database", "an empty file"
};

Container identify_container(const os::File& file);

// Errors  not_a_store, unsupported_container
void require_lmdb_container(const os::File& file, const std::string& path);

// The newest stamp found anywhere in the bytes of the file: what a damaged file says about itself.
std::optional<Stamp> search_stamp(const os::File& file);

}  // namespace piecemark::engine
