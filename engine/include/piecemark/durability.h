#pragma once

#include <cstdint>

namespace piecemark {

// What a commit waits for. Whatever is chosen, a file is never torn: it holds a commit completely, or not at all.
enum class Durability : std::uint8_t {
  // Until the disk has the commit: it is there after a power failure. Two waits for the disk: one for the pages, one
  // for the record that makes them valid.
  full,
  // Until the disk has the pages, but not that record: one wait. A power failure, or a crash of the system, may undo
  // the last commits, so that the file is as it was after an earlier one. The end of a process, kill -9 included, undoes
  // nothing. The next commit with full durability, even of a transaction without changes, makes all before it durable, and
  // so does Store::sync().
  relaxed,
};

}  // namespace piecemark
