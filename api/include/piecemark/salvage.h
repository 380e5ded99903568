#pragma once

#include <string>

#include "piecemark/export.h"
#include "piecemark/salvage_report.h"

namespace piecemark {

// Reads what can be read from a damaged file, and writes it to a new one of the same format: every row whose checksum
// holds, indexes made anew, the stash and the history. The damaged file is only read, and never mapped. The new file
// has its name only once it is complete and durable, and the owner and permissions of the damaged one, as far as this
// process may give them; nothing is written where nothing can be read.
//
// What the trees of the file lead to comes first; what they have lost is looked for on every page. Rows that were
// deleted may lie there, too: StaleRows says what becomes of those, and the report names each that was taken.
//
// Errors  corrupt_file  no record in it has a checksum that holds
//         busy          another process is writing to it
//         file_exists, file_not_found, not_a_store, format_too_new, disk_full, io_error, canceled
// Cost    reads the file up to four times, and writes every row
// Memory  the rows that come from stale pages, and 50 bytes for each of those that are left out
PIECEMARK_API SalvageReport salvage(const std::string& from, const std::string& to,
                                    const SalvageOptions& options = {});

}  // namespace piecemark
