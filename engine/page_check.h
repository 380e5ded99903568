// Walks the pages of an LMDB 0.9 file before LMDB maps it, and trusts nothing that it has not checked.
//
// LMDB follows page numbers, offsets and sizes as it finds them; a damaged or hostile file makes it read and write
// anywhere. A file that passes here is what LMDB itself could have written: metas of successive commits, every page number
// in range, reached once and within the file, nodes that fill their page without overlap, keys in order and between their
// separators, counters right; and every page is either in use or on the free list. So nothing that LMDB does with it later,
// writes included, meets a case that LMDB does not know. Free pages are not read: LMDB does not read them either. What the
// bytes of keys and values mean is for their checksums to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "os.h"

namespace piecemark::engine {

struct PageDamage {
  std::uint64_t page = 0;
  std::string reason;
};

// The first damage found, or nullopt for a sound file. The file must not be written meanwhile.
// Cost    one read of every page in use, some 0.3 ms a MB when cached; otherwise the file is read ahead
// Memory  one bit a page, and a page for each level of a tree, whatever the file says about itself
std::optional<PageDamage> check_pages(const os::File& file);

}  // namespace piecemark::engine
