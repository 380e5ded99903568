// Takes a file from one format to another: one write transaction, whatever the number of steps. Readers keep
// their snapshot; a crash, an error, a refusal or a cancel leaves the file as it was.
//
// The proof: what the file holds is fingerprinted before and after, over the same commit, over table and stash. A
// difference gives up the transaction.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/environment.h"
#include "piecemark/receipt.h"
#include "step.h"
#include "watch.h"

namespace piecemark::migration {

// In place. nullopt if the file has the target format already.
// Errors  no_such_format, downgrade_refused, migration_mismatch, format_too_new, corrupt_file, corrupt_record,
//         disk_full, busy, canceled
std::optional<Receipt> run(engine::Environment& environment, std::uint32_t target,
                           const MigrationOptions& options, std::span<const Step> chain,
                           std::uint32_t busy_timeout_ms = 10'000);

// Into a new file, which is compact and durable when it gets its name; the one it comes from is only read. Where that
// has the target format already, the new file is a copy, and there is no receipt.
// Errors  file_exists, and those of run
std::optional<Receipt> run_into(const std::string& output, engine::Environment& environment,
                                std::uint32_t target, const MigrationOptions& options,
                                std::span<const Step> chain);

// Writes the last commit into a new file, in the format that it has, and proves it as a migration does. `attempted`
// begins the message where the content differs.
// Errors  migration_mismatch, corrupt_file, corrupt_record, disk_full, canceled
void copy_content(engine::Environment& from, engine::WriteTransaction& to, const std::string& attempted,
                  Watch& watch);

}  // namespace piecemark::migration
