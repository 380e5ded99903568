// Takes a file from one format to another: one write transaction, whatever the number of steps. Readers keep
// their snapshot; a crash, an error or a refusal leaves the file as it was.
//
// The proof: what the file holds is fingerprinted before and after, in the same transaction, over table and
// stash. A difference gives up the transaction.
#pragma once

#include <optional>
#include <span>

#include "engine/environment.h"
#include "piecemark/receipt.h"
#include "step.h"

namespace piecemark::migration {

// nullopt if the file has the target format already.
// Errors  no_such_format, downgrade_refused, migration_mismatch, format_too_new, corrupt_file, corrupt_record,
//         disk_full, busy
std::optional<Receipt> run(engine::Environment& environment, std::uint32_t target,
                           const MigrationOptions& options, std::span<const Step> chain,
                           std::uint32_t busy_timeout_ms = 10'000);

}  // namespace piecemark::migration
