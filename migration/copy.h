// Copies of a whole file: proven by fingerprints while they are written, and read back from the disk before they count.
#pragma once

#include <string>

#include "engine/environment.h"
#include "piecemark/compaction.h"
#include "piecemark/work_progress.h"

namespace piecemark::migration {

// A copy of the last commit under a new name, durable when it gets that name. Others may read and write meanwhile.
// Errors  file_exists, file_not_found (no such folder), permission_denied, disk_full, io_error, migration_mismatch,
//         corrupt_record, corrupt_file, canceled
void back_up(engine::Environment& environment, const std::string& output, const OnProgress& on_progress);

// Puts such a copy in the place of the file (engine::Environment::replace). The sizes before and after.
// Errors  busy, read_only, unsupported_platform, and those of back_up
Compaction compact(engine::Environment& environment, std::uint32_t busy_timeout_ms,
                   const OnProgress& on_progress);

}  // namespace piecemark::migration
