// What can be read from a damaged file, written to a new one.
//
// A row is what the live commit says (engine/damaged_file.h has how that is known), else it is lost, or stale:
//   1. Entries that the live trees reach, and whose checksums hold, are taken.
//   2. So are those on other pages that the list of free pages proves to be live: their tree is broken above them. Blocks
//      of rows whose keys are lost with a leaf page are sealed with them, so that the right key is found by trial.
//   3. Entries on any other page may have been deleted or changed since. They are taken only in the place of an entry
//      whose checksum does not hold, or where the tree of their table has lost the keys that they belong to together
//      with a live page that may have had them; if the unique index is whole, only those that it has. First comes the
//      newest `updated_at`, then what the commit before had. What a transaction wrote that was killed before its
//      commit can be among them: it was never acknowledged.
// What comes first wins. No row is taken whose checksum does not hold.
#pragma once

#include <string>

#include "piecemark/salvage_report.h"

namespace piecemark::migration {

// Errors  corrupt_file  nothing could be read; file_not_found, not_a_store, file_exists, format_too_new, busy, disk_full,
//         io_error
SalvageReport salvage(const std::string& from, const std::string& to, const SalvageOptions& options);

}  // namespace piecemark::migration
