#include "commit_anchor.h"

#include "lmdb_pages.h"
#include "record.h"

namespace piecemark::engine {

std::uint64_t CommitAnchor::hash_of_meta(const char* record) {
  return record != nullptr ? hash_of({record, lmdb::kMetaSize}) : 0;
}

}  // namespace piecemark::engine
